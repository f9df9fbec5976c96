//! [`Format`]: which of the two dialects of the text is spoken, and how a scraper asks for it.
//!
//! OpenMetrics is what Prometheus asks for first; the classic text is what everything else reads, `promtool check metrics` and a
//! person with curl among them. They differ in how a counter's family is called, in info metrics, in the unit's line and in the end.
//! What asks for neither gets the classic text.

/// A dialect of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text, version 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for: the one that it gives more weight, OpenMetrics if that is the same.
    ///
    /// ```
    /// use gumption_introspect::metrics::Format;
    ///
    /// let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    /// assert_eq!(Format::accepting(prometheus), Format::OpenMetrics);
    /// assert_eq!(Format::accepting("*/*"), Format::Prometheus);
    /// ```
    pub fn accepting(accept: &str) -> Self {
        let weight = |wanted: &str| {
            let mut most = 0.0f64;
            for range in accept.split(',') {
                let mut parts = range.split(';').map(str::trim);
                if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted)) {
                    continue;
                }
                let given =
                    parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
                let q = given.map_or(Some(1.0), |(_, q)| q.trim().parse::<f64>().ok());
                most = most.max(q.filter(|q| q.is_finite()).unwrap_or(0.0));
            }
            most
        };
        let open = weight("application/openmetrics-text");
        if open > 0.0 && open >= weight("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The `Content-Type` of the text.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}
