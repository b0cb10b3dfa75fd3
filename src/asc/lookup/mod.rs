//! What an event is about, asked for by type and id.
//!
//! A notification names a resource and says little of it. [`Lookup`] asks for the resource and for what hangs together with it, and puts
//! what it hears into [`Details`]. Which requests those are stands in `inquiry`, a family of resources after the other; a type that is not
//! among them is not asked for. Nothing in an event is ever used as an address.
//!
//! A lookup does not fail: what cannot be learned is a [gap](crate::event::details::Gap), and the first error comes along for the log. It is in
//! a hurry too, since somebody is waiting to send a message, so it asks at most twice and waits for seconds only; whoever wants to know
//! what is known so far is told after each answer.
//!
//! The app and the build behind feedback are remembered for a while. The subject itself never is: its state is the news.

mod fields;
mod inquiry;
mod memory;
mod picture;
mod reading;
mod resource;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use self::{inquiry::Inquiry, memory::Memory, picture::Pictures, resource::Answered};
use super::{Client, Error, Request, refusal::Said};
use crate::{
    event::{
        Event,
        details::{App, Details},
    },
    http_client::Outgoing,
};

/// For how long the name of an app is remembered.
const APPS_LAST: Duration = Duration::from_hours(1);

/// For how long the build behind feedback is remembered.
const BUILDS_LAST: Duration = Duration::from_mins(10);

/// Looks up what events are about. All that share a [`Client`] should share this too, and with it what is remembered.
#[derive(Debug)]
pub struct Lookup {
    client: Arc<Client>,
    tester_email: bool,
    apps: Memory<Option<App>>,
    builds: Memory<Option<Arc<Answered>>>,
    pictures: Pictures,
}

/// What a lookup brought.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// What is known now.
    pub details: Details,
    /// The bytes of the [files](crate::event::details::File) that the details name, by name.
    pub files: Vec<(String, Bytes)>,
    /// The first thing that went wrong. That something is gone is not wrong.
    pub error: Option<Error>,
}

impl Lookup {
    /// Prepares to ask through `client`. The e-mail addresses of testers are asked for only with `tester_email`.
    ///
    /// # Errors
    /// When no HTTP client for pictures can be made.
    pub fn new(client: Arc<Client>, tester_email: bool, outgoing: &Outgoing) -> Result<Self, Error> {
        let pictures = Pictures::new(client.base_url(), outgoing)?;
        Ok(Self { client, tester_email, apps: Memory::new(APPS_LAST), builds: Memory::new(BUILDS_LAST), pictures })
    }

    /// Learns what there is to learn about an event. `app_id` is the app that it must be about if it does not say so itself; `so_far` is
    /// called with what is known after each answer.
    ///
    /// Dropping the future before it is done is harmless.
    pub async fn details(&self, event: &Event, app_id: Option<&str>, so_far: &(dyn Fn(&Details) + Send + Sync)) -> Found {
        let mut inquiry = Inquiry::new(self, event, so_far);
        inquiry.about_the_subject().await;
        inquiry.about_the_app(app_id).await;
        inquiry.end()
    }

    /// Asks for one resource; none, if Apple says that there is no such.
    async fn ask(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Option<Answered>, Error> {
        let mut url = match self.client.url(path) {
            Err(Error::NotAnId { .. }) => return Ok(None),
            url => url?,
        };
        url.query_pairs_mut().extend_pairs(query);
        match self.client.ask(Request::get(url).briefly()).await {
            Ok(answer) => answer.json().map(Some),
            // A page that says 404 is a proxy's, and proves nothing.
            Err(Error::Refused { refusal, .. }) if refusal.status == 404 && matches!(refusal.said, Said::Errors(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
