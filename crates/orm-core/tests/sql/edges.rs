//! What a column of each type keeps on MariaDB, for which there is no driver yet: its own client writes each value into a column
//! of the type that a schema gives it, and says whether what stands there is what was sent.

use orm_core::types::Timestamp;
use orm_core::{Cells, Json, MARIADB, Numeric, SqlType, Value};

use crate::executed;

/// The values that MariaDB does not keep as they are.
fn lost<T: SqlType>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    let values: Vec<Value> = values
        .into_iter()
        .map(|value| {
            let mut cells = Cells::default();
            value.encode(&mut cells);
            cells.value(0).to_value()
        })
        .collect();
    executed::lost_on_mariadb(&(MARIADB.type_name)(T::TYPE), &values)
}

#[test]
fn columns_of_mariadb_keep_their_edge_values() {
    let none: [String; 0] = [];
    assert_eq!(lost([i8::MIN, -1, 0, 1, i8::MAX]), none);
    assert_eq!(lost([i16::MIN, -1, 0, i16::MAX]), none);
    assert_eq!(lost([i32::MIN, -1, 0, i32::MAX]), none);
    assert_eq!(lost([i64::MIN, i64::MIN + 1, -1, 0, i64::MAX]), none);
    assert_eq!(lost([0, u8::MAX]), none);
    assert_eq!(lost([0, u16::MAX]), none);
    assert_eq!(lost([0, u32::MAX]), none);
    assert_eq!(lost([0, i64::MAX as u64]), none);
    assert_eq!(lost([true, false]), none);
    assert_eq!(lost([0.0_f64, 0.1, -0.1, 1e-300, f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::EPSILON]), none);
    assert_eq!(lost([0.0_f32, 0.1, f32::MAX, f32::MIN_POSITIVE]), none);
    let texts = ["", " ", "a ", "A", "a", "ä", "a\u{308}", "'\"\\", "\u{1f980}", "%_", "\n\t", "\u{7f}"];
    assert_eq!(lost(texts.map(str::to_owned)), none);
    assert_eq!(lost(["x".repeat(70_000)]), none);
    assert_eq!(lost([vec![], vec![0], vec![0, 255, 39, 92], (0..=255).collect::<Vec<u8>>()]), none);
    let decimals = ["0", "-0.1", "12345678901234567890123456789012345", "0.000000000000000000000000000001"];
    assert_eq!(lost(decimals.map(|text| text.parse::<Numeric>().expect("a number"))), none);
    assert_eq!(lost([Json(vec![1, 2]), Json(vec![])]), none);
    let times = [0, 1, -1, 951_782_400_000_000, 253_402_300_799_999_999, -62_135_596_800_000_000];
    assert_eq!(lost(times.map(Timestamp::from_unix_micros)), none);
    assert_eq!(lost([None, Some(7)]), none);
    let addresses = ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
    assert_eq!(lost(addresses.map(|text| text.parse::<std::net::IpAddr>().expect("an address"))), none);
}

/// Those whose types come with cargo features: the tests of the whole workspace have them.
#[cfg(all(feature = "chrono", feature = "uuid"))]
#[test]
fn columns_of_mariadb_keep_keys_and_dates() {
    use orm_core::chrono::{NaiveDate, NaiveDateTime, NaiveTime};
    use orm_core::uuid::Uuid;

    let none: [String; 0] = [];
    assert_eq!(lost([Uuid::nil(), Uuid::max(), Uuid::from_u128(1)]), none);
    let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
    let dates = [date(1, 1, 1), date(1582, 10, 10), date(2000, 2, 29), date(9999, 12, 31)];
    assert_eq!(lost(dates), none);
    let last = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
    assert_eq!(lost([NaiveTime::MIN, last]), none);
    assert_eq!(lost(dates.map(|date| NaiveDateTime::new(date, last))), none);
}

/// A test that cannot fail is none.
#[test]
fn a_value_that_a_column_does_not_keep_is_found() {
    let found = executed::lost_on_mariadb("TINYINT", &[Value::Int(1), Value::Int(1_000)]);
    if executed::has_mariadb() {
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("1000"), "{found:?}");
    }
}
