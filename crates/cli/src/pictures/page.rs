//! A page of HTML that needs no other file.

use super::svg::escape;

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, 'DejaVu Sans', Verdana, sans-serif; color: #1f2328; background: #fff; \
max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-top: 1px solid #e6e8eb; padding-top: 1.5rem; }
figure { margin: 1.5rem 0; } svg { max-width: 100%; height: auto; } figcaption { max-width: 55rem; }
.sequence { font: 14px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; background: #f6f8fa; padding: .6rem .8rem; \
overflow-wrap: anywhere; }
.note { color: #626a73; }
table { border-collapse: collapse; font-size: 14px; } .wide { overflow-x: auto; }
th, td { padding: .2rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e6e8eb; } th:first-child, td:first-child \
{ text-align: left; }
summary { cursor: pointer; color: #0072b2; } pre { background: #f6f8fa; padding: .8rem; overflow-x: auto; }
";

/// The page with this title and this content of its body.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}
