// The page that `leat dump --format=html` writes, in a real browser: what is drawn, what a click selects,
// what is linked to it in the other stages and on the timeline. Skipped where there is no Chromium
// (tools/setup --all installs it). With LEAT_SCREENSHOTS=FOLDER what is seen is kept there as PNG.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/page/browser.h"
#include "tests/tools/command.h"
#include "tests/tools/gpu_program.h"

namespace leat::page {
namespace {

using ::testing::HasSubstr;
using tool::file;
using tool::folder;
using tool::leat;

class PageTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!find_chromium().empty()) browser_ = std::make_unique<Browser>();
  }
  static void TearDownTestSuite() { browser_.reset(); }
  void SetUp() override {
    if (browser_ == nullptr) GTEST_SKIP() << "no chromium: tools/setup --all installs it";
    ASSERT_TRUE(browser_->there());
  }
  /// Makes a page with the command and opens it.
  void Open(const std::string& call, bool dark = false) {
    const std::string path = folder() / "page.html";
    const tool::Command c = leat(call + " --format=html -o '" + path + "'");
    ASSERT_EQ(c.code, 0) << call << "\n" << c.err;
    browser_->Open(path, 1440, 900, dark);
  }
  /// Clicks the box of a node (in the pane of that number), as it stands on the screen.
  void ClickNode(int pane, const std::string& stage, const std::string& id) {
    const auto at = browser_->Ask("leat.page.panes[" + std::to_string(pane) +
                                  "].graph.where(leat.page.model.find('" + stage + "', '" + id + "'))");
    ASSERT_TRUE(at.is_object()) << id;
    browser_->Click(at["x"], at["y"]);
  }
  std::string Details() { return browser_->Text("document.getElementById('details').innerText"); }
  void Keep(const std::string& name) {
    if (const char* to = std::getenv("LEAT_SCREENSHOTS"))
      browser_->Screenshot(std::string(to) + "/" + name + ".png");
    EXPECT_EQ(browser_->errors().size(), 0u) << browser_->errors().front();
  }
  /// How many pixels of a pane's canvas are not its background.
  int Drawn(int pane) {
    return browser_->Ask(
        "(() => { const c = leat.page.panes[" + std::to_string(pane) +
        "].canvas; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        "for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()");
  }
  static std::unique_ptr<Browser> browser_;
};
std::unique_ptr<Browser> PageTest::browser_;

TEST_F(PageTest, ShowsTheFirstStageBesideTheProgram) {
  Open("dump mlp.leat --size n=32");
  EXPECT_EQ(browser_->Text("document.title"), "mlp - leat");
  EXPECT_EQ(browser_->Text("leat.page.panes.map((p) => p.name).join()"), "graph,program");
  EXPECT_GT(Drawn(0), 2000);
  EXPECT_GT(Drawn(1), 2000);
  EXPECT_THAT(Details(), HasSubstr("fuse_groups"));
  Keep("mlp_light");
}

TEST_F(PageTest, AClickShowsWhatBecameOfANode) {
  Open("dump mlp.leat --size n=32", true);
  // %3 is the matmul's bias sum; relu is the maximum with the label.
  const std::string relu =
      browser_->Text("leat.page.model.byName.get('graph').nodes.find((n) => n.label === 'relu').id");
  ClickNode(0, "graph", relu);
  EXPECT_EQ(browser_->Text("leat.page.selected.id"), relu);
  const std::string details = Details();
  EXPECT_THAT(details, HasSubstr("maximum"));
  EXPECT_THAT(details, HasSubstr("f32[32,128]"));
  EXPECT_THAT(details, HasSubstr("mlp.leat:8"));
  EXPECT_THAT(details, HasSubstr("matmul+add+maximum"));
  // The step that it became is marked in the other pane.
  EXPECT_EQ(browser_->Text(
                "leat.page.marks(leat.page.model.byName.get('program')).linked.map((n) => n.title).join()"),
            "matmul+add+maximum");
  Keep("mlp_dark_selected");
  // And back: a click on the step marks the nodes that it came from.
  ClickNode(1, "program", "s0");
  EXPECT_THAT(
      browser_->Text("leat.page.marks(leat.page.model.byName.get('graph')).linked.map((n) => n.id).join()"),
      HasSubstr(relu));
  browser_->Press("Escape");
  EXPECT_EQ(browser_->Ask("leat.page.selected"), nullptr);
}

TEST_F(PageTest, SourceLinesAreLinked) {
  Open("dump mlp.leat --size n=32");
  browser_->Ask("leat.page.show(leat.page.panes[0], 'source')");
  const auto at = browser_->Ask(
      "(() => { const r = document.querySelector('[data-at=\"mlp.leat:8\"]').getBoundingClientRect(); return "
      "{x: r.x + 90, y: r.y + 5}; })()");
  browser_->Click(at["x"], at["y"]);
  EXPECT_EQ(browser_->Text("leat.page.selected.label"), "relu");
  EXPECT_EQ(
      browser_->Text("[...document.querySelectorAll('.source .linked')].map((l) => l.dataset.at).join()"),
      "mlp.leat:8");
  Keep("mlp_source");
}

TEST_F(PageTest, SearchFindsAndShows) {
  Open("dump mlp.leat --size n=32");
  browser_->Press("/");
  browser_->Type("relu graph");
  EXPECT_THAT(browser_->Text("document.querySelector('#found li').textContent"), HasSubstr("maximum"));
  browser_->Press("Enter");
  EXPECT_EQ(browser_->Text("leat.page.selected.label"), "relu");
  browser_->Ask("document.getElementById('query').value = ''; document.getElementById('query').focus()");
  browser_->Type("no such thing");
  EXPECT_EQ(browser_->Text("document.querySelector('#found').innerText"), "nothing found");
}

TEST_F(PageTest, TheTimelineShowsTheRun) {
  Open("trace mlp.leat --size n=512 --workers 2");
  EXPECT_EQ(browser_->Ask("leat.page.timeline.measured"), true);
  EXPECT_GE(browser_->Ask("leat.page.timeline.bars.length"), 2);
  EXPECT_THAT(browser_->Text("document.getElementById('dock-bar').innerText"), HasSubstr("critical path: "));
  // A bar is its step.
  const std::string step = browser_->Text("leat.page.timeline.path[0]");
  const auto at = browser_->Ask("leat.page.timeline.where('" + step + "')");
  browser_->Click(at["x"], at["y"]);
  EXPECT_EQ(browser_->Text("leat.page.selected.id"), step);
  EXPECT_THAT(Details(), HasSubstr("measured"));
  Keep("mlp_trace");
  // Every edge of the critical path is an edge of the program, in time.
  EXPECT_EQ(browser_->Ask("(() => { const t = leat.page.timeline; return t.path.slice(1).every((id, i) =>"
                          "leat.page.model.find('program', id).inputs.some((e) => e.from === t.path[i]) &&"
                          "t.span.get(t.path[i]).end <= t.span.get(id).begin + 1); })()"),
            true);
  EXPECT_GT(browser_->Ask("leat.page.timeline.live.peak.bytes"), 512 * 128 * 4 - 1);
}

TEST_F(PageTest, StreamsOfAGpuHaveTracks) {
  ::setenv("LEAT_CUDA_DRIVER", LEAT_FAKE_CUDA, 1);
  Open("trace '" + file("gpu.leat", test::kGpu) + "' --gpus 1 --workers 2");
  ::unsetenv("LEAT_CUDA_DRIVER");
  const std::string tracks = browser_->Text("leat.page.timeline.tracks.map((t) => t.name).join()");
  for (const char* name : {"worker ", "gpu:0 stream 0", "gpu:0 copy in 0", "gpu:0 copy out 0"}) {
    EXPECT_THAT(tracks, HasSubstr(name));
  }
  // The bar of a kernel is the one on its stream; what a worker did is called otherwise.
  const std::string step = browser_->Text(
      "leat.page.model.byName.get('program').nodes.find((n) => n.kind === 'step' && n.op === 'launch').id");
  EXPECT_THAT(browser_->Text("leat.page.timeline.span.get('" + step + "').first.event.track_name"),
              HasSubstr("gpu:0 stream"));
  EXPECT_EQ(browser_->Ask("leat.page.timeline.bars.some((b) => b.queues === '" + step +
                          "' && /^queue /.test(b.name))"),
            true);
  const auto at = browser_->Ask("leat.page.timeline.where('" + step + "')");
  browser_->Click(at["x"], at["y"]);
  EXPECT_EQ(browser_->Text("leat.page.selected.id"), step);
  EXPECT_THAT(Details(), HasSubstr("gpu:0"));
  Keep("gpu_trace");
}

TEST_F(PageTest, ANodesCodeOpens) {
  Open("dump mlp.leat --size n=32");
  const std::string relu =
      browser_->Text("leat.page.model.byName.get('graph').nodes.find((n) => n.label === 'relu').id");
  ClickNode(0, "graph", relu);
  EXPECT_EQ(
      browser_->Text("[...document.querySelectorAll('#details details')].map((d) => d.dataset.code).join()"),
      "ptx,llvm,asm,ptx");
  EXPECT_EQ(browser_->Ask("document.querySelectorAll('#details details pre').length"), 0);  // closed
  for (const auto& [kind, part] : {std::pair{"llvm", "define "}, {"asm", "ret"}, {"ptx", ".target sm_90"}}) {
    const std::string details =
        std::string("[...document.querySelectorAll('#details details[data-code=") + kind + "]')].at(-1)";
    browser_->Ask(details + ".querySelector('summary').scrollIntoView()");
    const auto at = browser_->Ask(
        "(() => { const r = " + details +
        ".querySelector('summary').getBoundingClientRect(); return {x: r.x + 40, y: r.y + 5}; })()");
    browser_->Click(at["x"], at["y"]);
    EXPECT_THAT(browser_->Text(details + ".querySelector('pre')?.textContent ?? ''"), HasSubstr(part));
  }
  Keep("mlp_code");
  Open("dump mlp.leat --size n=32 --code=none");
  browser_->Ask("leat.page.go(leat.page.model.find('graph', '" + relu + "'))");
  EXPECT_THAT(Details(), HasSubstr("the code of kernels is left out"));
}

TEST_F(PageTest, BodiesAreGraphsOfTheirOwn) {
  Open("dump '" + file("loop.leat", R"(graph @loop(%x: f32[8]) -> (f32[8]) {
  %h = exp %x
  %r = while_loop %h {condition=@go, body=@step}
  return %r
}
graph @go(%x: f32[8]) -> (bool[]) {
  %m = reduce_max %x {dims=[0]}
  %t = constant {value=0.5} : f32[]
  %y = greater %m %t
  return %y
}
graph @step(%x: f32[8]) -> (f32[8]) {
  %y = tanh %x  // label="squash"
  return %y
}
)") + "'");
  const std::string loop =
      browser_->Text("leat.page.model.byName.get('graph').nodes.find((n) => n.op === 'while_loop').id");
  ClickNode(0, "graph", loop);
  EXPECT_THAT(Details(), HasSubstr("condition: "));
  // The chip of the body opens it in every pane.
  const auto at = browser_->Ask(
      "(() => { const r = [...document.querySelectorAll('#details .chip')].find((c) => "
      "c.textContent.startsWith('body'))"
      ".getBoundingClientRect(); return {x: r.x + 10, y: r.y + 8}; })()");
  browser_->Click(at["x"], at["y"]);
  EXPECT_THAT(browser_->Text("document.getElementById('name').innerText"), HasSubstr("body of " + loop));
  EXPECT_EQ(
      browser_->Text(
          "leat.page.panes.map((p) => p.graph.stage.nodes.find((n) => n.label === 'squash').op).join()"),
      "tanh,kernel");
  const std::string squash =
      browser_->Text("leat.page.model.byName.get('graph').nodes.find((n) => n.label === 'squash').id");
  ClickNode(0, "graph", squash);
  EXPECT_THAT(Details(), HasSubstr("loop.leat:13"));
  EXPECT_EQ(
      browser_->Text("leat.page.marks(leat.page.model.byName.get('program')).linked.map((n) => n.id).join()"),
      "s0,output 0");
  Keep("loop_body");
  // Back by the way at the top: the loop is selected.
  browser_->Ask("document.querySelector('#name .chip').click()");
  EXPECT_EQ(browser_->Text("leat.page.selected.id"), loop);
  // The search finds what is in a body from without.
  browser_->Press("/");
  browser_->Type("squash graph");
  browser_->Press("Enter");
  EXPECT_EQ(browser_->Text("leat.page.selected.id"), squash);
  EXPECT_THAT(browser_->Text("document.getElementById('name').innerText"), HasSubstr("body of " + loop));
}

TEST_F(PageTest, PanAndZoomMoveThePicture) {
  Open("dump mlp.leat --size n=32");
  const std::string view = "leat.page.panes[0].graph.view.";
  const double scale = browser_->Ask(view + "scale"), x = browser_->Ask(view + "x");
  browser_->Wheel(200, 300, -240);
  EXPECT_GT(browser_->Ask(view + "scale").get<double>(), scale * 1.2);
  browser_->Press("f");
  browser_->Drag(60, 600, 160, 640);
  EXPECT_NE(browser_->Ask(view + "x").get<double>(), x);
}

/// An encoder of `layers` layers with scopes, each of `width` chains.
std::string model(int layers, int width) {
  std::string text = "graph @encoder(%x: f32[64,256]) {\n  %zero = constant {value=0} : f32[]\n";
  std::string at = "%x";
  for (int l = 0; l < layers; ++l) {
    const std::string k = std::to_string(l), scope = "  // scope=\"encoder/layer" + k;
    std::string sum;
    for (int i = 0; i < width; ++i) {
      const std::string n = k + "_" + std::to_string(i), inner = scope + "/head" + std::to_string(i) + "\"\n";
      text += "  %w" + n + " = constant {value=" + std::to_string(i) + "} : f32[256,256]\n";
      text += "  %p" + n + " = matmul " + at + " %w" + n + inner;
      text += "  %t" + n + " = tanh %p" + n + inner;
      text += "  %e" + n + " = exp %t" + n + inner;
      text += "  %s" + n + " = reduce_sum %e" + n + " {dims=[1]}" + inner;
      text += "  %b" + n + " = broadcast %s" + n + " {dims=[0]} : f32[64,256]" + inner;
      text += "  %d" + n + " = div %e" + n + " %b" + n + inner;
      if (sum.empty()) {
        sum = "%d" + n;
      } else {
        text += "  %j" + n + " = add " + sum + " %d" + n + scope + "\"\n";
        sum = "%j" + n;
      }
    }
    text += "  %r" + k + " = add " + sum + " " + at + scope + "\"\n";
    at = "%r" + k;
  }
  return text + "  return " + at + "\n}\n";
}

TEST_F(PageTest, RepeatsOpenAndClose) {
  Open("dump '" + file("encoder.leat", model(12, 2)) + "'");
  const std::string graph = "leat.page.panes[0].graph.";
  const std::string find_repeat = "[..." + graph + "stage.groups.values()].find((g) => g.kind === 'repeat')";
  EXPECT_EQ(browser_->Text(find_repeat + ".name"), "layer \u00d712");
  const int before = browser_->Ask(graph + "picture.boxes.length");
  browser_->Ask(graph + "openAll(false)");
  browser_->Ask("leat.page.go(leat.page.model.byName.get('graph').nodes.find((n) => n.op === 'tanh'))");
  const int opened = browser_->Ask(graph + "picture.boxes.length");
  EXPECT_GT(opened, 12);
  // The sign on the frame of the repeat closes it.
  const auto at = browser_->Ask(
      "(() => { const g = " + graph.substr(0, graph.size() - 1) + ", b = g.boxOf.get(" + find_repeat +
      "); g.fitAll(); const r = g.canvas.getBoundingClientRect(), v = g.view;"
      "return {x: r.left + v.x + (b.x + b.w - 13) * v.scale, y: r.top + v.y + (b.y + 12) * v.scale}; })()");
  browser_->Click(at["x"], at["y"]);
  EXPECT_LT(browser_->Ask(graph + "picture.boxes.length"), opened);
  EXPECT_LE(before, 100);
  Keep("encoder");
}

TEST_F(PageTest, FiveThousandNodes) {
  Open("dump '" + file("large.leat", model(60, 12)) + "'", true);
  EXPECT_GT(browser_->Ask("leat.page.model.stages[0].nodes.length"), 5000);
  EXPECT_LE(browser_->Ask("leat.page.panes[0].graph.picture.boxes.length"), 80);
  EXPECT_GT(Drawn(0), 2000);
  Keep("large");
  // All of them at once.
  browser_->Ask("leat.page.panes[0].graph.openAll(true)");
  EXPECT_GT(browser_->Ask("leat.page.panes[0].graph.picture.boxes.length"), 4500);
  browser_->Ask("leat.page.panes[0].graph.fitAll()");
  EXPECT_GT(Drawn(0), 2000);
  Keep("large_open");
  browser_->Ask("leat.page.go(leat.page.model.byName.get('graph').nodes.filter((n) => n.op === 'exp')[400])");
  EXPECT_THAT(Details(), HasSubstr("exp"));
  Keep("large_node");
}

}  // namespace
}  // namespace leat::page
