//! The text of an endpoint taken apart.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::{Endpoint, EndpointError, FAULT, PLAIN, Parts};

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.len() > Endpoint::MAX_LEN {
            return Err(EndpointError::TooLong { len: text.len() });
        }
        // Before anything else: a stray line end from a file or a shell is the commonest
        // mistake, and would otherwise become part of a name.
        let stray = |c: char| c.is_whitespace() || c.is_control() || c == '#';
        if let Some((at, found)) = text.char_indices().find(|&(_, c)| stray(c)) {
            return Err(EndpointError::BadCharacter { found, at });
        }

        // The head ends where its alphabet does, not at the first `://`: that may well be in
        // some option's value.
        let head_end = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-_.".contains(c)))
            .unwrap_or(text.len());
        let (head, rest) = text.split_at(head_end);
        let rest = rest
            .strip_prefix("://")
            .ok_or(EndpointError::NoSeparator { at: head_end })?;
        let (fault, scheme, plain) = parse_head(head)?;

        let start = head_end + "://".len();
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let path_at = start + authority.len() + 1;
        let authority = decode(authority, start)?;
        // The offset of a character that was escaped is gone: name the part.
        check_authority(&authority, start).map_err(|e| match e {
            EndpointError::BadAuthority { found, .. } => {
                EndpointError::BadAuthority { found, at: start }
            }
            other => other,
        })?;

        Endpoint(Arc::new(Parts {
            fault,
            plain,
            scheme: scheme.to_owned(),
            authority,
            path: decode(path, path_at)?,
            options: parse_options(query, start + place.len() + 1)?,
        }))
        .within_limit()
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &str) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

/// `[fault+]scheme[+plain]`.
fn parse_head(head: &str) -> Result<(bool, &str, bool), EndpointError> {
    let (fault, rest) = match head.split_once('+') {
        Some((FAULT, rest)) => (true, rest),
        _ => (false, head),
    };
    let (scheme, plain) = match rest.rsplit_once('+') {
        Some((scheme, PLAIN)) => (scheme, true),
        _ => (rest, false),
    };
    let at = head.len() - rest.len();
    if scheme.contains('+') {
        return Err(EndpointError::BadModifier {
            found: head.to_owned(),
            at,
        });
    }
    check_scheme(scheme, at)?;
    Ok((fault, scheme, plain))
}

fn parse_options(query: &str, start: usize) -> Result<BTreeMap<String, String>, EndpointError> {
    let mut options = BTreeMap::new();
    if query.is_empty() {
        return Ok(options);
    }
    let mut at = start;
    for pair in query.split('&') {
        let (key, value) = match pair.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (pair, None),
        };
        check_key(key, at)?;
        let Some(value) = value else {
            return Err(EndpointError::NoValue {
                key: key.to_owned(),
                at,
            });
        };
        let value = decode(value, at + key.len() + 1)?;
        if options.insert(key.to_owned(), value).is_some() {
            return Err(EndpointError::Duplicate {
                key: key.to_owned(),
                at,
            });
        }
        at += pair.len() + 1;
    }
    Ok(options)
}

/// Resolves `%XX`. The library lets a broken escape through as it stands; to us it is a
/// mistake, or a name would change its meaning when it is written and read again.
fn decode(part: &str, start: usize) -> Result<String, EndpointError> {
    for (i, _) in part.match_indices('%') {
        let digits = part.as_bytes().get(i + 1..i + 3);
        if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
            return Err(EndpointError::BadEscape { at: start + i });
        }
    }
    match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(EndpointError::NotUtf8 { at: start }),
    }
}

/// `[a-z][a-z0-9-]*`, and not a modifier's name: `fault+plain:` would read in two ways.
pub(super) fn check_scheme(scheme: &str, start: usize) -> Result<(), EndpointError> {
    let wrong = |at| EndpointError::BadScheme {
        scheme: scheme.to_owned(),
        at: start + at,
    };
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || [FAULT, PLAIN].contains(&scheme) {
        return Err(wrong(0));
    }
    match scheme.find(|c| !good(c)) {
        Some(at) => Err(wrong(at)),
        None => Ok(()),
    }
}

/// An authority with `/` or `?` in it is a forgotten `with_broker` or `with_option`.
pub(super) fn check_authority(authority: &str, start: usize) -> Result<(), EndpointError> {
    match authority.char_indices().find(|(_, c)| "/?#".contains(*c)) {
        Some((i, found)) => Err(EndpointError::BadAuthority {
            found,
            at: start + i,
        }),
        None => Ok(()),
    }
}

/// `[a-z][a-z0-9_-]*`.
pub(super) fn check_key(key: &str, start: usize) -> Result<(), EndpointError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if key.starts_with(|c: char| c.is_ascii_lowercase()) && key.chars().all(good) {
        return Ok(());
    }
    Err(EndpointError::BadKey {
        key: key.to_owned(),
        at: start,
    })
}
