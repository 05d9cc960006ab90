//! The transport itself.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};
use rustls::ClientConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;

use super::credentials::{Credentials, CredentialsError, OPTIONS};
use super::error::TlsError;
use super::hall::Hall;
use super::listener::TlsListening;
use super::session::Side;
use super::stream::{TlsStream, connection};
use crate::address::{Lookup, Place, ask_the_system};
use crate::dial::dial;
use crate::error::Failure;
use crate::listener::Accepting;
use crate::settings::Settings;
use crate::socket::Socket;

/// The transport `tls:`, to be added to a [`Domain`](channel::Domain). See the crate's documentation.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    lookup: Lookup,
    credentials: Credentials,
    /// Made at the first connect, for all endpoints that say nothing else.
    client: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// Connections with these credentials, unless an endpoint names others.
    pub fn new(credentials: Credentials) -> Tls {
        Tls {
            lookup: Arc::new(ask_the_system),
            credentials,
            client: Arc::default(),
        }
    }

    /// Connections whose endpoints all name their credentials:
    /// `tls://box:7000/echo?ca=ca.pem&cert=me.pem&key=me.key`.
    pub fn from_options() -> Tls {
        Tls::new(Credentials::default())
    }

    /// The same, but host names are looked up by `lookup`: see
    /// [`Tcp::with_lookup`](crate::Tcp::with_lookup).
    pub fn with_lookup(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Tls {
        self.lookup = Arc::new(lookup);
        self
    }

    fn client(&self, to: &Endpoint) -> Result<Arc<ClientConfig>, CredentialsError> {
        if OPTIONS
            .iter()
            .any(|key| *key != "name" && to.option(key).is_some())
        {
            return self.credentials.clone().with_options_of(to)?.client();
        }
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = self.credentials.client()?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.credentials).finish()
    }
}

impl Transport for Tls {
    fn schemes(&self) -> &[&str] {
        &["tls"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let settings = Settings::of(to, &OPTIONS)?;
            let config = self.client(to)?;
            let name = server_name(to)?;
            let limit = settings.connect_timeout;
            let secure = |stream, address| {
                let (config, name) = (config.clone(), name.clone());
                async move {
                    let failed = |reason| Failure::Tls { address, reason };
                    let tls = UnbufferedClientConnection::new(config, name)
                        .map_err(|error| failed(error.into()))?;
                    let socket = Socket::open(stream, options, to.is_plain(), None);
                    let stream = TlsStream::new(socket, Side::Client(tls));
                    established(&stream, limit, address).await?;
                    Ok(connection(stream, to.clone(), options, false))
                }
            };
            dial(to, &settings, &self.lookup, secure).await
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let settings = Settings::of(at, &OPTIONS)?;
        let config = self.credentials.clone().with_options_of(at)?.server()?;
        Ok(Box::new(TlsListening {
            accepting: Accepting::start(at, settings, &self.lookup)?,
            config,
            options: options.clone(),
            hall: Hall::new(options),
        }))
    }
}

/// The name that the server's certificate must be for.
fn server_name(to: &Endpoint) -> Result<ServerName<'static>, DialError> {
    let host = match Place::parse(to.authority()) {
        Ok(Place::Address(address)) => address.ip().to_string(),
        Ok(Place::Name(host, _)) => host.to_owned(),
        // The dial itself says what is wrong with it.
        Ok(Place::Any(_)) | Err(_) => "localhost".to_owned(),
    };
    let name = to.option("name").unwrap_or(&host);
    ServerName::try_from(name.to_owned()).map_err(|_| {
        DialError::Unsupported(format!(
            "`{name}` can be nobody's name in a certificate: say which to expect, as in \
             `?name=server.example`"
        ))
    })
}

/// Waits for the end of the handshake.
async fn established(
    stream: &Arc<TlsStream>,
    limit: Duration,
    address: SocketAddr,
) -> Result<(), Failure> {
    let result = stream.established(limit).await;
    result.map_err(|error| match error.downcast::<TlsError>() {
        Ok(reason) => Failure::Tls { address, reason },
        Err(error) => Failure::of(address, limit, error),
    })
}
