//! Lists, page after page.
//!
//! Apple cuts a list into pages of at most 200 and links each to the next. [`Pages`] follows those links and hands out one page at a
//! time, so that a long listing can show how far it is. A link is a text from outside and our token goes with every request, so only
//! its path and query are used, and only if it leads to the API itself.

use std::{collections::HashSet, fmt};

use url::Url;

use super::{Answer, Client, Error, Request};

/// As many as Apple puts on a page.
pub(super) const LARGEST_PAGE: &str = "200";

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How many there are on all pages together, if Apple says so.
    pub total: Option<u64>,
}

/// A page and the link to the next.
pub(super) struct Listing<T> {
    pub(super) page: Page<T>,
    pub(super) next: Option<String>,
}

type Read<T> = Box<dyn Fn(&Answer) -> Result<Listing<T>, Error> + Send + Sync>;

/// A list that is being read.
#[must_use = "nothing is asked before `next` or `all` is called"]
pub struct Pages<'c, T> {
    client: &'c Client,
    next: Option<Url>,
    visited: HashSet<Url>,
    read: Read<T>,
}

impl<'c, T> Pages<'c, T> {
    pub(super) fn new(
        client: &'c Client,
        first: Url,
        read: impl Fn(&Answer) -> Result<Listing<T>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { client, next: Some(first), visited: HashSet::new(), read: Box::new(read) }
    }

    /// Fetches the next page; none when there is no more. After an error the same page is asked for again.
    ///
    /// Dropping the future before it is done is harmless.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, Error> {
        let Some(url) = &self.next else { return Ok(None) };
        let answer = self.client.ask(Request::get(url.clone())).await?;
        let listing = (self.read)(&answer)?;
        let following = listing.next.map(|link| self.follow(&answer, &link)).transpose()?;
        if let Some(read) = std::mem::replace(&mut self.next, following) {
            self.visited.insert(read);
        }
        Ok(Some(listing.page))
    }

    /// Fetches all pages that are left, and hands out what is on them.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        while let Some(page) = self.next().await? {
            items.extend(page.items);
        }
        Ok(items)
    }

    fn follow(&self, answer: &Answer, link: &str) -> Result<Url, Error> {
        let base = self.client.base_url();
        let link = base.join(link).map_err(|_| answer.foreign("something that is not an address", base))?;
        if link.origin() != base.origin() {
            return Err(answer.foreign(&link.origin().ascii_serialization(), base));
        }
        let mut next = base.clone();
        next.set_path(link.path());
        next.set_query(link.query());
        if self.visited.contains(&next) || self.next.as_ref() == Some(&next) {
            return Err(Error::PageLoop { call: answer.call.clone() });
        }
        Ok(next)
    }
}

impl<T> fmt::Debug for Pages<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("next", &self.next.as_ref().map(Url::path)).finish_non_exhaustive()
    }
}
