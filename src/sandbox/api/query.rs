//! What a request asks for in its address: `limit`, `cursor`, `include`, `fields[…]`, `filter[…]`.
//!
//! Each call states in a [`Parameters`] what it takes; anything else is an error, as with Apple, so that a misspelt filter never
//! passes for an answer to the question. Lists are separated by commas.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::error::{ApiError, Errors};

/// How many resources a page holds if nobody says.
const USUAL_LIMIT: usize = 50;

/// The most that a page holds.
const GREATEST_LIMIT: usize = 200;

/// The most that is included under one name.
const GREATEST_INCLUDED: usize = 50;

/// The query parameters that a call takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parameters {
    /// Whether it answers in pages.
    pub(super) paged: bool,
    /// The relationships that can be included.
    pub(super) include: &'static [&'static str],
    /// The types whose fields can be chosen, and which fields those are; none named means that any may be.
    pub(super) fields: &'static [(&'static str, &'static [&'static str])],
    /// The names of its filters.
    pub(super) filters: &'static [&'static str],
}

/// The query of one request.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) limit: usize,
    pub(super) cursor: Option<String>,
    pub(super) include: Vec<String>,
    fields: BTreeMap<String, Vec<String>>,
    filters: BTreeMap<String, Vec<String>>,
}

impl Query {
    /// Reads the part of an address after the question mark.
    pub(super) fn read(text: Option<&str>, takes: Parameters) -> Result<Self, Errors> {
        let mut query =
            Self { limit: USUAL_LIMIT, cursor: None, include: Vec::new(), fields: BTreeMap::new(), filters: BTreeMap::new() };
        let mut problems = Vec::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            if let Err(problem) = query.take(&name, &value, takes) {
                problems.push(problem);
            }
        }
        Errors::unless_none(problems).map(|()| query)
    }

    pub(super) fn includes(&self, relationship: &str) -> bool {
        self.include.iter().any(|included| included == relationship)
    }

    /// The fields of a type that are asked for. None for all of them.
    pub(super) fn fields(&self, kind: &str) -> Option<&[String]> {
        self.fields.get(kind).map(Vec::as_slice)
    }

    /// The values of a filter. None if it is not used.
    pub(super) fn filter(&self, name: &str) -> Option<&[String]> {
        self.filters.get(name).map(Vec::as_slice)
    }

    fn take(&mut self, name: &str, value: &str, takes: Parameters) -> Result<(), ApiError> {
        let listed = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match (name, bracketed(name)) {
            ("limit", _) if takes.paged => {
                let limit = value.parse().ok().filter(|limit| (1..=GREATEST_LIMIT).contains(limit));
                self.limit = limit.ok_or_else(|| ApiError::invalid_parameter(name, value, "a number from 1 to 200"))?;
            }
            ("cursor", _) if takes.paged => self.cursor = Some(value.to_owned()),
            ("include", _) if !takes.include.is_empty() => {
                self.include = listed();
                all_among(name, &self.include, takes.include)?;
            }
            (_, Some(("fields", kind))) => {
                let known = takes.fields.iter().find(|(known, _)| *known == kind);
                let (_, fields) = known.ok_or_else(|| ApiError::illegal_parameter(name))?;
                let chosen = listed();
                if !fields.is_empty() {
                    all_among(name, &chosen, fields)?;
                }
                self.fields.insert(kind.to_owned(), chosen);
            }
            // Of what is included Apple shows a part only. Nothing has as many here that it would show.
            (_, Some(("limit", relationship))) if takes.include.contains(&relationship) => {
                let limit = value.parse().ok().filter(|limit| (1..=GREATEST_INCLUDED).contains(limit));
                limit.map(drop).ok_or_else(|| ApiError::invalid_parameter(name, value, "a number from 1 to 50"))?;
            }
            (_, Some(("filter", filter))) if takes.filters.contains(&filter) => {
                self.filters.insert(filter.to_owned(), listed());
            }
            _ => return Err(ApiError::illegal_parameter(name)),
        }
        Ok(())
    }
}

/// `fields[apps]` as `fields` and `apps`.
fn bracketed(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(']')?.split_once('[')
}

fn all_among(name: &str, values: &[String], known: &[&str]) -> Result<(), ApiError> {
    match values.iter().find(|value| !known.contains(&value.as_str())) {
        Some(unknown) => Err(ApiError::invalid_parameter(name, unknown, &format!("one of: {}", known.join(", ")))),
        None => Ok(()),
    }
}
