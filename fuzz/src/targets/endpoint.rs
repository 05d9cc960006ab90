//! Endpoints: any text, or the parts of one given to the builders.

use std::io;

use channel::{Endpoint, EndpointError};

/// The input is text. One line is parsed; several are scheme, authority, broker, and an
/// option's key and value by turns, with an empty line for a broker that is not there.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let outcome = if text.contains('\n') {
        let _ = text.parse::<Endpoint>().map_err(|e| check_error(&e, &text));
        build(&text)
    } else {
        text.parse()
            .inspect(|endpoint| check_taken(&text, endpoint))
    };
    match outcome {
        Ok(endpoint) => check(&endpoint),
        Err(e) => check_error(&e, &text),
    }
}

fn build(text: &str) -> Result<Endpoint, EndpointError> {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or("");
    let mut endpoint = Endpoint::new(next(), next())?;
    let broker = next();
    if !broker.is_empty() {
        endpoint = endpoint.with_broker(broker)?;
    }
    while let (Some(key), value) = (lines.next(), lines.next().unwrap_or("")) {
        endpoint = endpoint.with_option(key, value)?;
    }
    Ok(endpoint)
}

/// What a text must be that was taken.
fn check_taken(text: &str, endpoint: &Endpoint) {
    let stray = |c: char| c.is_whitespace() || c.is_control() || c == '#';
    assert!(!text.contains(stray) && text.len() <= Endpoint::MAX_LEN);
    for part in text.split('%').skip(1) {
        let digits = part.as_bytes().get(..2);
        assert!(digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)));
    }
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    // None was dropped, and none came twice.
    let options = query.split('&').filter(|_| !query.is_empty()).count();
    assert_eq!(endpoint.options().len(), options);
    let (head, place) = place.split_once("://").expect("a scheme");
    let words: Vec<_> = head.split('+').collect();
    let mut expected = vec![endpoint.scheme()];
    if endpoint.is_fault() {
        expected.insert(0, "fault");
    }
    if endpoint.is_plain() {
        expected.push("plain");
    }
    assert_eq!(words, expected);
    let path = place
        .split_once('/')
        .is_some_and(|(_, path)| !path.is_empty());
    assert_eq!(endpoint.broker().is_some(), path);
}

/// What must hold for every endpoint, wherever it comes from.
fn check(endpoint: &Endpoint) {
    let text = endpoint.to_string();
    assert!(text.is_ascii() && text.len() <= Endpoint::MAX_LEN, "{text}");
    let scheme = endpoint.scheme();
    assert!(scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme != "fault");
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(scheme.chars().all(good) && scheme != "plain");
    let again: Endpoint = text.parse().expect("what is written is read");
    assert_eq!(&again, endpoint);
    assert_eq!(again.to_string(), text);

    // The same from its parts; a modifier never fails.
    let mut parts =
        Endpoint::new(endpoint.scheme(), endpoint.authority()).expect("what was taken once");
    if let Some(broker) = endpoint.broker() {
        parts = parts.with_broker(broker).expect("what was taken once");
    }
    for (key, value) in endpoint.options() {
        parts = parts.with_option(key, value).expect("what was taken once");
    }
    let modified = parts.clone().plain().with_fault().to_string();
    assert!(modified.len() <= Endpoint::MAX_LEN, "{modified}");
    assert_eq!(
        modified
            .parse::<Endpoint>()
            .as_ref()
            .map(Endpoint::is_plain),
        Ok(true)
    );
    if endpoint.is_plain() {
        parts = parts.plain();
    }
    if endpoint.is_fault() {
        parts = parts.with_fault();
    }
    assert_eq!(&parts, endpoint);

    // Judged later: the place is one of the canonical form.
    let first = endpoint.options().next().map_or("", |(key, _)| key);
    for refused in [
        endpoint.port_option().err(),
        endpoint.check_no_path().err(),
        endpoint.check_options(&[]).err(),
        endpoint.check_options(&[first]).err(),
    ] {
        refused.inspect(|e| check_error(e, &text));
    }
}

fn check_error(e: &EndpointError, text: &str) {
    // A text can be short and its canonical form too long.
    let too_long = matches!(e, EndpointError::TooLong { len } if *len > Endpoint::MAX_LEN);
    assert!(too_long || e.at() <= text.len(), "{e}");
    assert!(e.to_string().len() > 20, "a mistake is explained: {e}");
    assert_eq!(
        io::Error::from(e.clone()).kind(),
        io::ErrorKind::InvalidInput
    );
}
