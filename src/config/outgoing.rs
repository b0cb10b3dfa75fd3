//! `[outgoing]`: the requests that handlers make.

use std::path::PathBuf;

use super::section::Section;

/// `[outgoing]`
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// A file of further certificates to trust, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl Outgoing {
    pub(super) fn settle(mut section: Section<'_, '_>) -> Self {
        let ca_file = section.optional("ca_file");
        section.finish();
        Self { ca_file }
    }
}
