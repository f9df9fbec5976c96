//! The index page: what there is, written from the table. Plain HTML, no script, nothing loaded from elsewhere.

use std::fmt::Write as _;

use super::house::{Ask, title};
use super::response::{Answer, Response};
use super::table::ENDPOINTS;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
     code,a{font-family:ui-monospace,monospace}td,th{text-align:left;vertical-align:top;padding:.35em 1em .35em 0}\
     table{border-collapse:collapse}tr+tr td{border-top:1px solid #ddd}dl{margin:.3em 0 0}dd{margin:0 0 0 2em}";

/// The page.
pub fn page(ask: &Ask<'_>) -> Answer {
    let program = std::env::args().next().unwrap_or_default();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
    // Who came with the token in the address goes on with it.
    let token = ask.request.query.one("token")?.map(|token| format!("?token={}", encoded(token))).unwrap_or_default();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}: gumption</title><style>{STYLE}</style>\
         <h1>{0}</h1><p>Process {1}, looked at by Gumption {2} for {3} s.</p>",
        escaped(program),
        std::process::id(),
        env!("CARGO_PKG_VERSION"),
        ask.house.begun.elapsed().as_secs(),
    );
    page.push_str("<table><tr><th>runtime<th>processors<th>tasks<th>runnable<th>up");
    for handle in ask.runtimes()? {
        let stats = handle.stats();
        // Writing to a String does not fail.
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{} s",
            escaped(&title(&handle)),
            stats.config.processors,
            stats.totals.tasks_live,
            stats.totals.runnable,
            stats.uptime_ns / 1_000_000_000,
        );
    }
    page.push_str(
        "</table><p>Where there are several runtimes, <code>runtime=</code> and a number or a name asks for one of them. \
         Lengths of time are seconds, or <code>100ms</code>, <code>5s</code>, <code>3m</code>.</p><table>",
    );
    for endpoint in ENDPOINTS {
        let path = escaped(endpoint.path);
        let _ = match endpoint.method {
            "GET" => write!(page, "<tr><td><a href=\"{path}{token}\">{path}</a>"),
            method => write!(page, "<tr><td><code>{method} {path}</code>"),
        };
        let _ = write!(page, "<td>{}", escaped(endpoint.about));
        if !endpoint.parameters.is_empty() {
            page.push_str("<dl>");
            for parameter in endpoint.parameters {
                let _ = write!(page, "<dt><code>{}=</code><dd>{}", escaped(parameter.name), escaped(parameter.about));
            }
            page.push_str("</dl>");
        }
    }
    page.push_str("</table></html>\n");
    Ok(Response::html(page))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// As a parameter's value.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut safe, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(safe, "%{byte:02X}");
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<a b=\"c\">'&'"), "&lt;a b=&quot;c&quot;&gt;&#39;&amp;&#39;");
        assert_eq!(encoded("a b\"&é~"), "a%20b%22%26%C3%A9~");
    }
}
