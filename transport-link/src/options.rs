//! What stands in the options of an endpoint, for whoever reads one: see [`LinkTransport::new`](crate::LinkTransport::new).

use std::ops::RangeInclusive;

use channel::Endpoint;

use crate::place::PlaceError;

/// The number that the option is; `None`: there is no such option.
///
/// # Errors
/// It is none, or out of range: says what may be written.
pub fn number(
    endpoint: &Endpoint,
    key: &str,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, PlaceError> {
    let Some(text) = endpoint.option(key) else {
        return Ok(None);
    };
    // `u32::from_str` alone would take `+7`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|n| digits && range.contains(n)) {
        Some(n) => Ok(Some(n)),
        None => bad(format!(
            "option `{key}` is `{text}`: write a number from {} to {}",
            range.start(),
            range.end(),
        )),
    }
}

/// What the option's word means, one of `allowed`; the first, if there is no such option.
///
/// # Errors
/// Another word: says which may be written.
///
/// # Panics
/// Nothing is allowed.
pub fn choice<T: Copy>(
    endpoint: &Endpoint,
    key: &str,
    allowed: &[(&str, T)],
) -> Result<T, PlaceError> {
    let Some(text) = endpoint.option(key) else {
        return Ok(allowed[0].1);
    };
    match allowed.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
            bad(format!(
                "option `{key}` is `{text}`: write one of {}",
                words.join(", ")
            ))
        }
    }
}

fn bad<T>(text: String) -> Result<T, PlaceError> {
    Err(PlaceError::Unsupported(text))
}
