//! Times in certificates.

use super::*;

#[test]
fn times() {
    for (tag, text, expected) in [
        (UTC_TIME, "700101000000Z", Some(0)),
        (UTC_TIME, "700101000001Z", Some(1)),
        (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
        (UTC_TIME, "000229120000Z", Some(951_825_600)),
        (UTC_TIME, "240301000000Z", Some(1_709_251_200)),
        (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
        (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
        (UTC_TIME, "500101000000Z", None),
        (UTC_TIME, "7001010000Z", None),
        (UTC_TIME, "700101000000+0100", None),
        (UTC_TIME, "70010100000xZ", None),
        (GENERALIZED_TIME, "Z", None),
        (SEQUENCE, "700101000000Z", None),
    ] {
        assert_eq!(time((tag, text.as_bytes())), expected, "{text}");
    }
}
