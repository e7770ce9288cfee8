//! What the codes of the API mean, for `hil explain` (contract §1).

use std::fmt::Write;

use nsapi::{Error, strerror};

use crate::report::Paint;

/// Explains a code given by number or by name, with or without its prefix.
pub(super) fn explain(what: &str, paint: Paint) -> Option<String> {
    let code = match what.parse::<i32>() {
        Ok(number) => number,
        Err(_) => {
            let name = what.to_ascii_uppercase();
            let name = name.strip_prefix("NSAPI_ERROR_").unwrap_or(&name);
            if name == "OK" {
                0
            } else {
                Error::ALL
                    .into_iter()
                    .find(|error| error.name() == Some(name))?
                    .code()
            }
        }
    };
    let mut out = String::new();
    match strerror(code) {
        Some(name) => {
            let prefix = if code == 0 {
                "NSAPI_ERROR_OK"
            } else {
                "NSAPI_ERROR_"
            };
            let full = if code == 0 {
                prefix.to_owned()
            } else {
                format!("{prefix}{name}")
            };
            let _ = writeln!(out, "{} = {code}\n  {}", paint.bold(&full), meaning(code));
        }
        None if code > 0 => {
            let _ = writeln!(
                out,
                "{code}: not an error; operations that move data return its size in bytes"
            );
        }
        None => {
            let _ = writeln!(
                out,
                "{code}: the contract knows no such code; a port that returns it does not conform"
            );
        }
    }
    Some(out)
}

/// The names of all codes.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    Error::ALL.into_iter().filter_map(Error::name)
}

fn meaning(code: i32) -> &'static str {
    let Some(error) = Error::from_code(code) else {
        return "Success.";
    };
    match error {
        Error::WOULD_BLOCK => {
            "Nothing can be done now: a non-blocking call, or one whose timeout has passed."
        }
        Error::UNSUPPORTED => {
            "The functionality is absent. From a claimed capability it is a failure."
        }
        Error::PARAMETER => {
            "An invalid argument or configuration; also a bind to an address that is in use."
        }
        Error::NO_CONNECTION => "Not connected; also a refused, reset or aborted connection.",
        Error::NO_SOCKET => {
            "The socket is not open, was closed meanwhile, or the stack has none left."
        }
        Error::NO_ADDRESS => "The address is unknown.",
        Error::NO_MEMORY => "Out of memory.",
        Error::NO_SSID => "The Wi-Fi network was not found, or none is set.",
        Error::DNS_FAILURE => "Name resolution failed.",
        Error::DHCP_FAILURE => "DHCP gave no address.",
        Error::AUTH_FAILURE => "Authentication with the network failed.",
        Error::DEVICE_ERROR => "The network processor failed.",
        Error::IN_PROGRESS => "The operation was started and goes on by itself.",
        Error::ALREADY => "The operation is still going on from an earlier call.",
        Error::IS_CONNECTED => "Already connected.",
        Error::CONNECTION_LOST => "The connection was lost.",
        Error::CONNECTION_TIMEOUT => "The connection timed out.",
        Error::ADDRESS_IN_USE => {
            "The address is in use; multicast membership only, a bind conflict is PARAMETER."
        }
        Error::TIMEOUT => {
            "The operation timed out: DNS or attaching, never a socket's own timeout."
        }
        Error::BUSY => "The device is busy.",
        _ => "The contract says nothing about it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_number_and_by_name() {
        let plain = Paint::new(false);
        let expected = "NSAPI_ERROR_WOULD_BLOCK = -3001\n  Nothing can be done now: a non-blocking call, or one whose timeout has passed.\n";
        for word in [
            "-3001",
            "WOULD_BLOCK",
            "would_block",
            "NSAPI_ERROR_WOULD_BLOCK",
        ] {
            assert_eq!(explain(word, plain).as_deref(), Some(expected), "{word}");
        }
        assert_eq!(
            explain("0", plain).as_deref(),
            Some("NSAPI_ERROR_OK = 0\n  Success.\n")
        );
        assert_eq!(explain("tcp", plain), None);
        assert!(explain("-4000", plain).is_some_and(|text| text.contains("no such code")));
    }

    #[test]
    fn every_code_has_a_meaning() {
        for error in Error::ALL {
            assert!(!meaning(error.code()).contains("nothing about"), "{error}");
        }
    }
}
