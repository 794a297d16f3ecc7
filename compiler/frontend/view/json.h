// The stages of a program as JSON (the form is in leat/dump.h), and as a page for the browser around it.
//
// The page is page.html with page.css, the scripts and the JSON put into it: the files stand in page/ and are
// compiled in (cmake/embed.cmake). Pure functions; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/frontend/view/fold.h"
#include "compiler/frontend/view/view.h"
#include "runtime/engine/trace.h"

namespace leat::frontend {

struct PageExtras {
  std::map<std::string, std::string> sources;  // text of source files, by the name that locations have
  std::vector<runtime::TraceEvent> trace;      // of runs of the program
};

/// Of the views that `stages` has, those whose name `only` has; all where it is empty. What is hidden (of the
/// view of the same index) is left out.
std::string to_json(const Stages& stages, const std::vector<const View*>& views,
                    const std::vector<Shown>& shown, const PageExtras& extras = {});

/// One self-contained HTML document around such JSON.
std::string to_page(const std::string& name, const std::string& json);

}  // namespace leat::frontend
