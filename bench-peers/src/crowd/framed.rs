//! tokio with tokio-util's length-prefixed frames: a task for each connection, a runtime of one thread.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

pub(super) fn serve(say: &dyn Fn(&str)) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        say(&listener.local_addr().expect("its address").to_string());
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            stream.set_nodelay(true).expect("a TCP socket");
            tokio::spawn(async move {
                let mut framed = Framed::new(stream, LengthDelimitedCodec::new());
                while let Some(Ok(message)) = framed.next().await {
                    let message: Bytes = message.freeze();
                    if framed.send(message).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}
