//! The table: figures, targets, verdicts.

/// One line of the table.
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: &'static str,
    /// What came out.
    pub(crate) value: f64,
    /// In what unit.
    pub(crate) unit: &'static str,
    /// What it should be.
    pub(crate) target: Target,
    /// What it was made of.
    pub(crate) made_of: String,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Nothing was promised; it is good to know.
    Open,
}

impl Figure {
    /// Writes the line.
    pub(crate) fn print(&self) {
        let (target, met) = match self.target {
            Target::AtLeast(target) => (format!("≥ {target}"), Some(self.value >= target)),
            Target::AtMost(target) => (format!("≤ {target}"), Some(self.value <= target)),
            Target::Open => (String::new(), None),
        };
        let verdict = met.map_or("", |met| if met { "met" } else { "MISSED" });
        let Self { name, value, unit, made_of, .. } = self;
        println!("{name:<46} {value:>9.2} {unit:<6} {target:<9} {verdict:<7} {made_of}");
    }
}

/// Writes what stands above the lines.
pub(crate) fn print_head() {
    println!("{:<46} {:>9} {:<6} {:<9} {:<7} made of", "figure", "value", "", "target", "verdict");
}

/// The middle of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
