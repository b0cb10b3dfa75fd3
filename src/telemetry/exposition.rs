//! Where the figures of this process are kept, and how they are shown.

use std::{fmt, sync::OnceLock};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::metrics;

/// The bounds by which histograms count, in seconds: from a tenth of a millisecond, which is what a quick disk takes, to the time-outs of
/// slow handlers.
pub const BUCKETS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Starts keeping the figures of this process. Asked again, it gives the same figures: a process has one set of them, however many
/// programs are put together in it.
///
/// Where the process has a [recorder](::metrics::Recorder) already, all figures go there, and whoever installed it shows them. Its
/// histograms should have [`BUCKETS`].
pub fn install() -> Exposition {
    static INSTALLED: OnceLock<Exposition> = OnceLock::new();
    let install = || {
        let ours = builder().install_recorder();
        if ours.is_err() {
            tracing::info!("the process has a recorder of its own: figures go there, and `/metrics` does not show them");
        }
        metrics::describe();
        Exposition(ours.ok())
    };
    INSTALLED.get_or_init(install).clone()
}

/// The figures, to be shown; or the knowledge that somebody else shows them.
#[derive(Clone)]
pub struct Exposition(Option<PrometheusHandle>);

impl Exposition {
    /// The content type of [`Exposition::render`].
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Writes down every figure in the [text format](https://prometheus.io/docs/instrumenting/exposition_formats/) of Prometheus; none
    /// where they go to a recorder that is not ours.
    pub fn render(&self) -> Option<String> {
        self.0.as_ref().map(PrometheusHandle::render)
    }

    /// Sums up what has been measured since the last time. Call it every few seconds, or the memory of a program that nobody asks
    /// for its figures grows.
    pub fn tidy_up(&self) {
        if let Some(ours) = &self.0 {
            ours.run_upkeep();
        }
    }
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposition(…)")
    }
}

/// What keeps figures, if it is we who do.
pub(super) fn builder() -> PrometheusBuilder {
    // Only an empty list of buckets would be refused.
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Prefix("asc_webhooks_".to_owned()), BUCKETS).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The figures of a recorder that nobody writes to.
    pub(crate) fn exposition() -> Exposition {
        Exposition(Some(builder().build_recorder().handle()))
    }

    /// What there is to show where the process has another recorder.
    pub(crate) fn shown_by_somebody_else() -> Exposition {
        Exposition(None)
    }
}
