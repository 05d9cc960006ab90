//! The acceptor's side of the handshake: jobs on the reception thread.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{Failed, receive, send};
use crate::broker::BrokerInner;
use crate::listening::Entered;
use crate::options::Options;
use crate::reception::{Sleep, expect_news, sleep_until, within, yield_now};
use crate::table::{Closed, RemoteTicket, Table};
use crate::transport::{Carrier, Connection};
use crate::wire::hello::{
    EAGER, Hello, HelloDecoder, Message, Refusal, Refused, Role, Version, Welcome,
};

/// So many bytes of a refused connector are read and thrown away: what an honest one may have sent
/// before it learns of the refusal is far less.
const MOST_DRAINED: usize = 64 * 1024;

/// A welcome is answered at once, so this is some round trips of a slow network. Who takes longer may
/// still answer, but the acceptors don't wait for it.
const PROMPT_ANSWER: Duration = Duration::from_millis(250);

/// What a listening broker's jobs need of it, without keeping it alive.
#[derive(Clone)]
pub(crate) struct Desk {
    pub name: Arc<str>,
    pub table: Arc<Table>,
    pub options: Options,
}

impl Desk {
    pub(crate) fn of(broker: &BrokerInner) -> Desk {
        Desk {
            name: broker.name.clone(),
            table: broker.table.clone(),
            options: broker.options.clone(),
        }
    }
}

impl Desk {
    fn welcome(&self, port: u16) -> Message {
        Message::Welcome(Welcome {
            version: Version::CURRENT,
            capacity: u32::try_from(self.options.capacity(Some(port))).unwrap_or(u32::MAX),
        })
    }
}

/// The acceptor's side, first part: reads the hello, and an eager connector's GO.
pub(crate) async fn read_hello(
    connection: &mut Connection,
    until: Option<Instant>,
) -> Option<(Hello, HelloDecoder)> {
    let mut decoder = HelloDecoder::new(Role::Acceptor);
    expect_news();
    let messages = async {
        let hello = match receive(&mut *connection.source, &mut decoder).await? {
            Message::Hello(hello) => hello,
            // The decoder lets nothing else through.
            _ => return Err(Failed::Lost(io::ErrorKind::InvalidData.into())),
        };
        if hello.flags & EAGER != 0 {
            receive(&mut *connection.source, &mut decoder).await?;
        }
        Ok(hello)
    };
    match within(until, messages).await {
        Some(Ok(hello)) => Some((hello, decoder)),
        Some(Err(Failed::Protocol(error))) => {
            tracing::debug!(target: "channel", peer = %connection.peer, %error, "refuse");
            if let Some(refused) = error.refusal() {
                refuse(connection, refused, until).await;
            }
            None
        }
        // Gone, or too slow.
        _ => None,
    }
}

async fn refuse(connection: &mut Connection, refused: Refused, until: Option<Instant>) {
    let message = [Message::Refused(refused)];
    if let Some(Ok(())) = within(until, send(&mut *connection.sink, &message)).await {
        let _ = connection.sink.finish();
        // Nothing is destroyed on the way; and what an eager connector has sent was read by nobody.
        if connection.carrier == Carrier::Native {
            return;
        }
        // The connector closes when it has read that. Closing first could destroy it on the way.
        let drain = async {
            let mut drained = 0;
            while drained < MOST_DRAINED {
                match poll_fn(|cx| connection.source.poll_fill(cx)).await {
                    Ok(n @ 1..) => {
                        connection.source.consume(n);
                        drained += n;
                    }
                    _ => break,
                }
                // A source that is always ready must not keep the thread.
                yield_now().await;
            }
        };
        within(until, drain).await;
    }
}

/// The acceptor's side, second part: takes a place in the line, waits to be welcomed, says so, waits
/// for the answer. Ends early when the connector withdraws. It counts as `entered` until it has a
/// place in the line, or until its refusal is through.
pub(crate) async fn receive_connector(
    mut connection: Connection,
    hello: Hello,
    mut decoder: HelloDecoder,
    desk: &Desk,
    entered: Entered,
) {
    let deadline = || Instant::now().checked_add(desk.options.hello_deadline());
    let no = |reason, message: &str| {
        tracing::debug!(
            target: "channel", broker = %desk.name, port = hello.port, %reason, "refuse"
        );
        Refused::new(reason, message)
    };
    let mut entered = Some(entered);
    // A place of those who wait is held until the refusal is through, too.
    let mut place = None;
    let refused = if !hello.broker.is_empty() && *hello.broker != *desk.name {
        no(
            Refusal::NoSuchBroker,
            &format!("the broker here is \"{}\"", desk.name),
        )
    } else {
        match desk
            .table
            .connect_remote(hello.port, desk.options.max_waiting())
        {
            Err(Closed) => no(Refusal::Closed, "the broker is closed"),
            Ok(None) => no(Refusal::Limit, "too many connectors wait here"),
            Ok(Some(ticket)) => {
                entered = None;
                let eager = hello.flags & EAGER != 0;
                match welcomed(&mut connection, &ticket, eager).await {
                    Waited::Withdrawn => return,
                    Waited::Welcome => {
                        let welcome = desk.welcome(hello.port);
                        let mut ahead = Vec::new();
                        let open = if !eager {
                            let until = deadline();
                            answered(&mut connection, &mut decoder, welcome, &ticket, until).await
                        } else if connection.control.peer_gone() {
                            // Its first bytes hide an end from this look, but no reset.
                            false
                        } else if connection.carrier == Carrier::Bytes {
                            // Nobody waits for it: it may leave with the first bytes.
                            welcome.encode(&mut ahead).is_ok()
                        } else {
                            let welcome = [welcome];
                            let sent = send(&mut *connection.sink, &welcome);
                            matches!(within(deadline(), sent).await, Some(Ok(())))
                        };
                        if open {
                            let connection = super::established(connection, &desk.options, ahead);
                            let _ = ticket.ready(connection, hello.from.into());
                        }
                        return;
                    }
                    Waited::Closed => {
                        place = ticket.withdraw();
                        no(Refusal::Closed, "the broker is closed")
                    }
                    Waited::TooEager => {
                        place = ticket.withdraw();
                        no(Refusal::Malformed, "bytes before the welcome")
                    }
                }
            }
        }
    };
    refuse(&mut connection, refused, deadline()).await;
    drop((entered, place));
}

/// Welcomes the connector; whether it has answered until the deadline.
async fn answered(
    connection: &mut Connection,
    decoder: &mut HelloDecoder,
    welcome: Message,
    ticket: &RemoteTicket,
    until: Option<Instant>,
) -> bool {
    let mut answer = pin!(async {
        send(&mut *connection.sink, &[welcome])
            .await
            .map_err(Failed::Lost)?;
        expect_news();
        receive(&mut *connection.source, decoder).await
    });
    let prompt = Instant::now().checked_add(PROMPT_ANSWER);
    let prompt = [prompt, until].into_iter().flatten().min();
    let answer = match within(prompt, answer.as_mut()).await {
        Some(answer) => Some(answer),
        None => {
            ticket.overdue();
            within(until, answer).await
        }
    };
    matches!(answer, Some(Ok(Message::Go)))
}

/// A connector whose first bytes hide what happens to it is asked after so often: one that was reset or
/// whose host has vanished must not keep its place, and its descriptor, until somebody accepts.
const ASK_EVERY: Duration = Duration::from_secs(1);

enum Waited {
    Welcome,
    Withdrawn,
    Closed,
    TooEager,
}

/// Waits for an acceptor, and meanwhile for news of the connector. An `eager` one may send its first bytes;
/// behind them its loss is found by asking, and its orderly end by whoever accepts it.
async fn welcomed(connection: &mut Connection, ticket: &RemoteTicket, eager: bool) -> Waited {
    let mut pause: Option<Sleep> = None;
    poll_fn(|cx: &mut Context<'_>| {
        match connection.source.poll_fill(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(1..)) if eager => loop {
                let next = || sleep_until(Instant::now().checked_add(ASK_EVERY));
                if Pin::new(pause.get_or_insert_with(next))
                    .poll(cx)
                    .is_pending()
                {
                    break;
                }
                if connection.control.peer_gone() {
                    return Poll::Ready(Waited::Withdrawn);
                }
                pause = None;
            },
            Poll::Ready(Ok(1..)) => return Poll::Ready(Waited::TooEager),
            Poll::Ready(_) => return Poll::Ready(Waited::Withdrawn),
        }
        match ticket.poll_welcome(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(Waited::Welcome),
            Poll::Ready(Err(Closed)) => Poll::Ready(Waited::Closed),
        }
    })
    .await
}
