//! One who listens: what it asked for, what it is told, and when it is let go.
//!
//! The stream is [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html), which browsers read by themselves
//! and come back to with `Last-Event-ID`. It is written as fast as the peer takes it in, and never ahead of that.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use http::StatusCode;
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast, broadcast::error::RecvError},
    time::Instant,
};

use super::{
    super::{
        Desk,
        answer::Problem,
        api::number,
        ask::{self, Fields, NOT_LIVE},
        page,
    },
    MOST_AT_ONCE, News, Told, after,
};
use crate::{inbox::ReceiptId, inbox::query::ReceiptFilter, shutdown::Shutdown};

/// How often something is said on a quiet stream, so that no proxy on the way takes it for dead. Who closes the connection is gone at once
/// (see [`Limits::half_closed`](crate::server::Limits::half_closed)); who vanishes without a word (a cable, a laptop that was closed) takes
/// a place until this has been said to nobody for as long as the listener bears it.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// How long a stream lasts. Whoever wants more comes back, and is asked again who they are.
const LONGEST: Duration = Duration::from_hours(1);

type Shared = State<Arc<Desk>>;
type Answer = Result<Response, Problem>;

/// For programs: receipts as JSON.
pub(in super::super) async fn receipts(State(desk): Shared, request: Request) -> Answer {
    Listener::begin(desk, Asked::of(&request), Form::Json).await
}

/// For the page: receipts as rows of its list.
pub(in super::super) async fn events(State(desk): Shared, request: Request) -> Answer {
    Listener::begin(desk, Asked::of(&request), Form::Row).await
}

/// How a receipt is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Row,
}

/// What a request says.
struct Asked {
    fields: Fields,
    /// The last receipt that whoever comes back has heard of. What is no number was never ours to say.
    heard: Option<ReceiptId>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let heard = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).map(ReceiptId);
        Self { fields: Fields::of_query(request), heard }
    }
}

struct Listener {
    desk: Arc<Desk>,
    form: Form,
    filter: ReceiptFilter,
    /// Only this receipt.
    only: Option<ReceiptId>,
    /// Whether a receipt may cease to be what was asked for.
    is_choosy: bool,
    told: broadcast::Receiver<Told>,
    /// The last new receipt that it is past.
    last: ReceiptId,
    ready: VecDeque<Event>,
    ends: Instant,
    shutdown: Shutdown,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    async fn begin(desk: Arc<Desk>, asked: Asked, form: Form) -> Answer {
        let Asked { fields, heard } = asked;
        if let Some(name) = NOT_LIVE.iter().find(|name| fields.one(name).is_some()) {
            return Err(Problem::bad_request(format!("`{name}` is for what is kept already; leave it out")));
        }
        let only = fields.one("receipt").filter(|_| form == Form::Row).map(number).transpose()?.map(ReceiptId);
        let filter = match form {
            Form::Json => ask::strict_filter(&fields, &desk).await?,
            Form::Row => ask::filter(&if only.is_some() { fields.without(&["receipt"]) } else { fields }, desk.clock.now())?,
        };
        let place = Arc::clone(&desk.live.places).try_acquire_owned().map_err(|_| {
            let detail = "too many listen already; a page that is closed or hidden makes room";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        })?;
        let (told, since) = desk.live.listen(&*desk.store).await?;
        let mut listener = Self {
            form,
            is_choosy: filter != ReceiptFilter::default(),
            filter,
            only,
            told,
            last: since,
            ready: VecDeque::new(),
            ends: Instant::now() + LONGEST,
            shutdown: desk.live.shutdown.clone(),
            desk,
            _place: place,
        };
        listener.catch_up(since, heard).await?;
        let stream = futures_util::stream::unfold(listener, Self::next);
        Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)).into_response())
    }

    /// What came in between the last that it heard of and now.
    async fn catch_up(&mut self, now: ReceiptId, heard: Option<ReceiptId>) -> Result<(), Problem> {
        if let Some(heard) = heard.filter(|heard| *heard < now) {
            let missed = after(&*self.desk.store, heard, MOST_AT_ONCE).await?;
            self.last = heard;
            if missed.is_cut {
                self.ready.push_back(self.missed());
            } else {
                // What is newer than now comes by itself.
                for listed in missed.listed.into_iter().rev().filter(|listed| listed.receipt.id <= now) {
                    self.hear(&News::of(listed, true));
                }
            }
        }
        self.last = now;
        // Even who has heard nothing yet knows where to go on.
        self.ready.push_back(Event::default().id(now.to_string()).comment("listening"));
        Ok(())
    }

    /// The next thing to say; none when it is over.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            tokio::select! {
                biased;
                () = self.shutdown.begun() => return None,
                () = tokio::time::sleep_until(self.ends) => return None,
                told = self.told.recv() => match told {
                    Ok(Told::Receipt(news)) => self.hear(&news),
                    Ok(Told::More) | Err(RecvError::Lagged(_)) => {
                        let missed = self.missed();
                        self.ready.push_back(missed);
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn hear(&mut self, news: &News) {
        let id = news.listed.receipt.id;
        if news.is_new {
            self.last = id;
        }
        if self.only.is_some_and(|only| only != id) {
            return;
        }
        if self.filter.admits(&news.listed, None) {
            let event = Event::default().event("receipt").data(self.written(news));
            self.ready.push_back(if news.is_new { event.id(id.to_string()) } else { event });
        } else if self.is_choosy && !news.is_new {
            self.ready.push_back(Event::default().event("gone").data(json!({ "id": id }).to_string()));
        }
    }

    fn missed(&self) -> Event {
        Event::default().event("missed").data(json!({ "after": self.last }).to_string())
    }

    fn written<'n>(&self, news: &'n News) -> &'n str {
        match self.form {
            Form::Json => news.json.get_or_init(|| serde_json::to_string(&news.listed).unwrap_or_default()),
            Form::Row => news
                .row
                .get_or_init(|| json!({ "id": news.listed.receipt.id, "row": page::row(&self.desk, &news.listed) }).to_string()),
        }
    }
}
