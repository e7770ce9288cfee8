//! The contract's own parts: addresses and their texts.

#[embedded_test::tests]
mod addresses {
    use core::fmt::Write as _;

    use heapless::String;
    use nsapi::{IpAddress, SocketAddress};

    fn canonical(text: &str) -> Option<String<48>> {
        let address = IpAddress::parse(text)?;
        let mut canonical = String::new();
        write!(canonical, "{address}").expect("an address has at most 45 characters");
        Some(canonical)
    }

    #[test]
    fn texts_have_their_canonical_form() {
        for (text, expected) in [
            ("0.0.0.0", "0.0.0.0"),
            ("192.168.001.001", "192.168.1.1"),
            ("::", "::"),
            ("2001:DB8::ABCD", "2001:db8::abcd"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            (
                "2001:0db8:0000:0000:0001:0000:0000:0000",
                "2001:db8:0:0:1::",
            ),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "localhost", "256.0.0.1", "1.2.3", "1::2::3", "1.2.3.4 "] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_that_says_nothing_is_not_set() {
        assert!(SocketAddress::any(7).is_empty());
        let mut address = SocketAddress::any(7);
        assert!(address.set_ip_address("10.0.2.2"));
        assert!(address.is_set() && address.port == 7);
    }
}
