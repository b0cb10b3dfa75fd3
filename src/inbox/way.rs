//! By which way something comes into the store, and how that is shown.

use bytes::Bytes;

use crate::{
    event::{Event, NotAnEvent},
    signature::{Authentic, Proof},
    unsigned::Unsigned,
};

/// Bytes that were let in: there are no others.
#[derive(Clone, Debug)]
pub enum Received {
    /// It is proven that Apple sent them.
    Authentic(Authentic<Bytes>),
    /// Somebody brought them who knew a token.
    Unsigned(Unsigned<Bytes>),
}

impl Received {
    /// The bytes, but for the tokens that stand in unsigned ones.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Authentic(authentic) => authentic.get(),
            Self::Unsigned(unsigned) => unsigned.get(),
        }
    }

    /// Reads the bytes as what may come by this way.
    ///
    /// # Errors
    /// When they are not an event.
    pub fn read(&self) -> Result<Event, NotAnEvent> {
        match self {
            Self::Authentic(_) => Event::parse(self.body().clone()),
            Self::Unsigned(_) => Event::parse_xcode_cloud(self.body().clone()),
        }
    }

    pub(super) fn into_parts(self) -> (Bytes, Way) {
        match self {
            Self::Authentic(authentic) => {
                let (body, proof) = authentic.into_parts();
                (body, Way::Proven(proof))
            }
            Self::Unsigned(unsigned) => {
                let (body, token) = unsigned.into_parts();
                (body, Way::Unsigned { token })
            }
        }
    }
}

impl From<Authentic<Bytes>> for Received {
    fn from(authentic: Authentic<Bytes>) -> Self {
        Self::Authentic(authentic)
    }
}

impl From<Unsigned<Bytes>> for Received {
    fn from(unsigned: Unsigned<Bytes>) -> Self {
        Self::Unsigned(unsigned)
    }
}

/// Why something was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// It is proven to come from Apple.
    Proven(Proof),
    /// Somebody brought it who knew a token.
    Unsigned {
        /// The label of the token.
        token: String,
    },
}

impl Way {
    /// How a receipt shows it.
    pub fn source(&self) -> Source {
        match self {
            Self::Proven(Proof::Signed { .. }) => Source::Pushed,
            Self::Proven(Proof::Fetched) => Source::Recovered,
            Self::Unsigned { .. } => Source::Unsigned,
        }
    }

    /// The signature header, as it arrived.
    pub fn signature(&self) -> Option<&str> {
        if let Self::Proven(Proof::Signed { signature, .. }) = self { Some(signature) } else { None }
    }

    /// The label of the secret or of the token.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Proven(Proof::Signed { secret, .. }) => Some(secret),
            Self::Proven(Proof::Fetched) => None,
            Self::Unsigned { token } => Some(token),
        }
    }
}

/// How a notification reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// Apple sent it to an endpoint, and signed it.
    Pushed,
    /// We fetched it from Apple after it was missed.
    Recovered,
    /// It was sent to an endpoint of Xcode Cloud, whose notifications nobody signs.
    Unsigned,
}

impl Source {
    /// The source as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Recovered => "recovered",
            Self::Unsigned => "unsigned",
        }
    }

    /// Reads bytes that came in this way, as they were read then.
    ///
    /// # Errors
    /// When they are not an event.
    pub fn read(self, body: Bytes) -> Result<Event, NotAnEvent> {
        match self {
            Self::Pushed | Self::Recovered => Event::parse(body),
            Self::Unsigned => Event::parse_xcode_cloud(body),
        }
    }
}
