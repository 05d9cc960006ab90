//! The traits of `futures-io`, as async programs use them.
#![cfg(feature = "futures-io")]

mod support;

use std::io;
use std::thread;

use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, StreamExt};
use support::{block_on, pair, pair_of, pattern_bytes, within};

// shows C3: reading and writing by the traits alone, both ways at once in one thread.
#[test]
fn both_ways_in_one_thread() {
    within("one thread", || {
        let (ours, theirs) = pair_of(64);
        let ((mut r1, mut w1), (mut r2, mut w2)) = (ours.split(), theirs.split());
        let sent = pattern_bytes(5, 20_000);
        let echo = async {
            let mut buf = [0; 50];
            loop {
                match AsyncReadExt::read(&mut r2, &mut buf).await.unwrap() {
                    0 => break,
                    n => AsyncWriteExt::write_all(&mut w2, &buf[..n]).await.unwrap(),
                }
            }
            w2.close().await.unwrap();
        };
        let write = async {
            AsyncWriteExt::write_all(&mut w1, &sent).await.unwrap();
            AsyncWriteExt::flush(&mut w1).await.unwrap();
            w1.close().await.unwrap();
        };
        let mut got = Vec::new();
        let read = async { r1.read_to_end(&mut got).await.unwrap() };
        block_on(futures_lite::future::zip(
            echo,
            futures_lite::future::zip(write, read),
        ));
        assert_eq!(got, sent);
    });
}

// shows C5: close is the half-close: reading goes on.
#[test]
fn close_finishes_writing() {
    within("close", || {
        let (mut ours, mut theirs) = pair();
        let answer = thread::spawn(move || {
            let mut question = Vec::new();
            block_on(theirs.read_to_end(&mut question)).unwrap();
            block_on(AsyncWriteExt::write_all(&mut theirs, b"answer")).unwrap();
            question
        });
        block_on(async {
            AsyncWriteExt::write_all(&mut ours, b"question")
                .await
                .unwrap();
            AsyncWriteExt::close(&mut ours).await.unwrap();
            let error = AsyncWriteExt::write(&mut ours, b"x").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            let mut got = String::new();
            ours.read_to_string(&mut got).await.unwrap();
            assert_eq!(got, "answer");
        });
        assert_eq!(answer.join().unwrap(), b"question");
    });
}

// shows C2: AsyncBufRead.
#[test]
fn lines() {
    within("lines", || {
        let (mut ours, theirs) = pair_of(16);
        let write = thread::spawn(move || ours.write_all(b"one\ntwo\nthree and a bit more\n"));
        let (reader, _writer) = theirs.split();
        let lines: Vec<_> = block_on(AsyncBufReadExt::lines(reader).collect());
        let lines: Vec<String> = lines.into_iter().map(Result::unwrap).collect();
        assert_eq!(lines, ["one", "two", "three and a bit more"]);
        write.join().unwrap().unwrap();
    });
}

// shows C4, C6: errors have their kinds.
#[test]
fn errors() {
    let (mut ours, mut theirs) = pair();
    ours.handle().abort();
    block_on(async {
        let error = AsyncReadExt::read(&mut theirs, &mut [0; 1])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let error = AsyncWriteExt::write(&mut ours, b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    });
}
