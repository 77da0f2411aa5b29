//! What is written is read again, with the values at the edges.

use std::net::IpAddr;
use std::time::SystemTime;

use bytes::BytesMut;
use orm_core::value::wire::{civil, timestamp};
use orm_core::{Cells, IpNetwork, Json, Numeric, SqlType, Timestamp, ValueRef, WireType};
use tokio_postgres::types::{Format, IsNull, Kind, Type};

use super::{Mismatch, decode, encode, encode_array, encode_text, format};

/// Reads the value of a parameter of some type as if it were a column.
fn again(value: ValueRef<'_>, ty: &Type, check: impl FnOnce(ValueRef<'_>)) -> Result<(), Mismatch> {
    let mut out = BytesMut::new();
    match encode(value, ty, &mut out)? {
        IsNull::Yes => check(decode(None, ty)),
        IsNull::No => check(decode(Some(&out), ty)),
    }
    Ok(())
}

#[track_caller]
fn keeps(value: ValueRef<'_>, ty: &Type) {
    again(value, ty, |read| match (value, read) {
        (ValueRef::Float(value), ValueRef::Float(read)) => assert_eq!(value.to_bits(), read.to_bits()),
        _ => assert_eq!(value, read, "{ty}"),
    })
    .unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

/// As an entity's field is written and read.
#[track_caller]
fn keeps_typed<T: SqlType + PartialEq + std::fmt::Debug>(value: &T, ty: &Type) {
    let mut cells = Cells::default();
    value.encode(&mut cells);
    assert_eq!(cells.fault(), None, "{value:?}");
    keeps(cells.value(0), ty);
    again(cells.value(0), ty, |read| match T::decode(read) {
        Ok(read) => assert!(value.same(&read), "{value:?} and {read:?}"),
        Err(misfit) => panic!("{value:?}: {misfit:?}"),
    })
    .unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

#[track_caller]
fn refused(value: ValueRef<'_>, ty: &Type) -> String {
    again(value, ty, |read| panic!("{value:?} became {read:?}")).expect_err("refused").to_string()
}

#[track_caller]
fn text(value: impl SqlType) -> String {
    let mut cells = Cells::default();
    value.encode(&mut cells);
    let mut out = BytesMut::new();
    assert!(matches!(encode_text(cells.value(0), &mut out), IsNull::No));
    String::from_utf8(out.to_vec()).expect("text")
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Of any size: most random numbers of 64 bits are large.
    fn int(&mut self) -> i64 {
        let bits = self.below(64);
        (self.next() >> bits) as i64 * if self.below(2) == 0 { 1 } else { -1 }
    }

    fn text(&mut self) -> String {
        const SOME: [char; 14] =
            ['a', 'Z', '0', ' ', ',', '{', '}', '"', '\\', '\n', 'é', '語', '\u{10FFFF}', '\u{1}'];
        (0..self.below(12)).map(|_| SOME[self.below(14) as usize]).collect()
    }

    fn numeric(&mut self) -> Numeric {
        let (whole, decimals) = (self.below(40), self.below(40));
        let mut digits = |count| -> String {
            (0..count)
                .map(|_| if self.below(3) == 0 { '0' } else { (b'0' + self.below(10) as u8) as char })
                .collect()
        };
        let text =
            format!("{}0{}.{}", if whole % 2 == 0 { "-" } else { "" }, digits(whole), digits(decimals));
        text.parse().expect("a number")
    }
}

const INTS: [i64; 15] = [
    0,
    1,
    -1,
    i16::MIN as i64 - 1,
    i16::MIN as i64,
    i16::MAX as i64,
    i16::MAX as i64 + 1,
    i32::MIN as i64 - 1,
    i32::MIN as i64,
    i32::MAX as i64,
    i32::MAX as i64 + 1,
    u32::MAX as i64,
    u32::MAX as i64 + 1,
    i64::MIN,
    i64::MAX,
];

#[test]
fn integers_fit_or_are_refused() {
    let mut random = Random(7);
    for value in INTS.into_iter().chain((0..10_000).map(|_| random.int())) {
        keeps(ValueRef::Int(value), &Type::INT8);
        let narrow = [
            (Type::INT4, i32::try_from(value).is_ok()),
            (Type::INT2, i16::try_from(value).is_ok()),
            (Type::OID, u32::try_from(value).is_ok()),
        ];
        for (ty, fits) in narrow {
            match fits {
                true => keeps(ValueRef::Int(value), &ty),
                false => assert!(refused(ValueRef::Int(value), &ty).contains(&value.to_string())),
            }
        }
        for ty in [Type::FLOAT4, Type::FLOAT8] {
            // Exactly, or not at all.
            let _ = again(ValueRef::Int(value), &ty, |read| match read {
                ValueRef::Float(read) => assert_eq!(read as i128, i128::from(value)),
                other => panic!("{other:?}"),
            });
        }
        again(ValueRef::Int(value), &Type::NUMERIC, |read| {
            assert_eq!(Numeric::decode(read), Ok(Numeric::from(value)));
        })
        .expect("any integer");
        assert_eq!(text(value), value.to_string());
    }
    assert_eq!(
        refused(ValueRef::Int(70_000), &Type::INT2),
        "the integer 70000 for a parameter of type int2, which holds -32768 to 32767"
    );
    assert_eq!(
        refused(ValueRef::Int(1), &Type::UUID),
        "an integer for a parameter of type uuid: give a value of that type, or CAST it in the query"
    );
}

#[test]
fn floats_keep_their_bits() {
    let edges = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        0.1,
    ];
    let mut random = Random(11);
    for value in edges.into_iter().chain((0..10_000).map(|_| f64::from_bits(random.next()))) {
        keeps(ValueRef::Float(value), &Type::FLOAT8);
        let wide = f64::from(value as f32);
        let lost = value.is_finite() && (wide.is_infinite() || wide == 0.0 && value != 0.0);
        let narrow = again(ValueRef::Float(value), &Type::FLOAT4, |read| match read {
            ValueRef::Float(read) => assert!(read == wide || read.is_nan() && value.is_nan()),
            other => panic!("{other:?}"),
        });
        assert_eq!(narrow.is_err(), lost, "{value:?}");
        let text = text(value);
        assert!(text.parse::<f64>().is_ok_and(|read| read == value || value.is_nan()), "{text}");
    }
    assert_eq!(
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1.5, 1e300].map(text),
        ["NaN", "Infinity", "-Infinity", "-0.0", "1.5", "1e300"]
    );
    refused(ValueRef::Float(1.0), &Type::INT8);
}

#[test]
fn booleans_texts_and_bytes_are_kept() {
    for value in [true, false] {
        keeps(ValueRef::Bool(value), &Type::BOOL);
    }
    again(ValueRef::Int(1), &Type::BOOL, |read| assert_eq!(read, ValueRef::Bool(true))).expect("one");
    assert!(refused(ValueRef::Int(2), &Type::BOOL).ends_with("which holds 0 and 1"));
    assert_eq!((text(true), text(false)), ("t".to_owned(), "f".to_owned()));

    let mut random = Random(13);
    for value in (0..1_000).map(|_| random.text()) {
        let value = ValueRef::Text(value.as_bytes());
        for ty in [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::JSON, Type::JSONB] {
            keeps(value, &ty);
            assert!(matches!(format(value, &ty), Format::Binary));
        }
        keeps(ValueRef::Null, &Type::TEXT);
    }
    for bytes in [&[][..], &[0], &[255; 16], b"\\x"] {
        keeps(ValueRef::Bytes(bytes), &Type::BYTEA);
        refused(ValueRef::Bytes(bytes), &Type::TEXT);
    }
    assert_eq!(text(vec![0_u8, 0x5c, 255]), "\\x005cff");
    // The server reads a date, or what else it may be, from its text; but not bytes, whose text means other bytes.
    assert!(matches!(format(ValueRef::Text(b"2000-01-01"), &Type::DATE), Format::Text));
    refused(ValueRef::Text(b"abc"), &Type::BYTEA);
}

#[test]
fn uuids_are_kept() {
    let bytes = [0x5a; 16];
    keeps(ValueRef::Wire(WireType::Uuid, &bytes), &Type::UUID);
    again(ValueRef::Bytes(&bytes), &Type::UUID, |read| {
        assert_eq!(read, ValueRef::Wire(WireType::Uuid, &bytes))
    })
    .expect("16 bytes");
    refused(ValueRef::Bytes(&bytes[1..]), &Type::UUID);
    again(ValueRef::Wire(WireType::Uuid, &bytes), &Type::TEXT, |read| {
        assert_eq!(read, ValueRef::Text(b"5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a"));
    })
    .expect("as text");
    refused(ValueRef::Wire(WireType::Uuid, &bytes), &Type::INT8);
}

#[test]
fn timestamps_are_kept() {
    let first = timestamp::FIRST + timestamp::EPOCH;
    let mut random = Random(17);
    let edges = [first, -1, 0, 1, i64::MAX - 1, i64::MAX, i64::MIN];
    for micros in edges.into_iter().chain((0..10_000).map(|_| random.int()).filter(|&micros| micros > first))
    {
        let time = Timestamp::from_unix_micros(micros);
        keeps_typed(&time, &Type::TIMESTAMPTZ);
        // Without a zone, it is in UTC.
        let mut cells = Cells::default();
        time.encode(&mut cells);
        again(cells.value(0), &Type::TIMESTAMP, |read| {
            assert!(matches!(read, ValueRef::Wire(WireType::DateTime, _)));
            assert_eq!(Timestamp::decode(read), Ok(time));
        })
        .expect("in UTC");
        if let Some(time) = time.system_time() {
            keeps_typed::<SystemTime>(&time, &Type::TIMESTAMPTZ);
        }
        assert_eq!(text(time), time.to_string());
    }
}

#[test]
fn dates_and_times_without_a_zone_are_kept() {
    let mut random = Random(29);
    let mut dates = vec![i32::MIN, i32::MAX, civil::FIRST_DAY as i32, civil::LAST_DAY as i32, -1, 0, 1];
    let mut times = vec![0, 1, 86_399_999_999, 86_400_000_000];
    let mut both = vec![i64::MIN, i64::MAX, timestamp::FIRST, civil::LAST_MICROS, -1, 0, 1];
    for _ in 0..10_000 {
        dates.push(random.int() as i32);
        times.push(random.below(86_400_000_000) as i64);
        both.push(random.int());
    }
    let forms = dates.iter().map(|days| (WireType::Date, Type::DATE, days.to_be_bytes().to_vec()));
    let forms =
        forms.chain(times.iter().map(|time| (WireType::Time, Type::TIME, time.to_be_bytes().to_vec())));
    let both = both.iter().map(|both| (WireType::DateTime, Type::TIMESTAMP, both.to_be_bytes().to_vec()));
    for (ty, column, form) in forms.chain(both) {
        keeps(ValueRef::Wire(ty, &form), &column);
        again(ValueRef::Wire(ty, &form), &Type::TEXT, |read| {
            assert_eq!(read, ValueRef::Text(ty.text(&form).as_bytes()));
        })
        .expect("as text");
    }
    // The server would make one of the other, by its own zone or by leaving out a part.
    let (day, time, moment) = (7_i32.to_be_bytes(), 7_i64.to_be_bytes(), 7_i64.to_be_bytes());
    for ty in [Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::TIME, Type::INT4] {
        refused(ValueRef::Wire(WireType::Date, &day), &ty);
    }
    for ty in [Type::TIMESTAMP, Type::DATE, Type::INTERVAL, Type::INT8] {
        refused(ValueRef::Wire(WireType::Time, &time), &ty);
    }
    for ty in [Type::TIMESTAMPTZ, Type::DATE, Type::TIME] {
        refused(ValueRef::Wire(WireType::DateTime, &moment), &ty);
    }
}

#[test]
fn decimal_numbers_are_kept() {
    let mut random = Random(19);
    let long = format!("-{}.{}", "98765".repeat(200), "00001".repeat(200));
    let edges = ["0", "0.00", "NaN", "Infinity", "-Infinity", "1e-16383", "-1e131071", &long];
    let edges = edges.map(|text| text.parse::<Numeric>().expect("a number"));
    for number in edges.into_iter().chain((0..10_000).map(|_| random.numeric())) {
        keeps_typed(&number, &Type::NUMERIC);
        assert_eq!(text(number.clone()), number.as_str());
    }
    again(ValueRef::Float(-1.25e-7), &Type::NUMERIC, |read| {
        assert_eq!(read.to_value().to_string(), "-0.000000125");
    })
    .expect("a float");
}

#[test]
fn network_addresses_are_kept() {
    for address in ["0.0.0.0/0", "127.0.0.1", "10.0.0.0/8", "::", "2001:db8::/32", "::ffff:1.2.3.4"] {
        let network: IpNetwork = address.parse().expect("a network");
        keeps_typed(&network, &Type::INET);
        keeps_typed(&network, &Type::CIDR);
        assert_eq!(text(network), address);
    }
    keeps_typed(&IpAddr::from([1, 2, 3, 4]), &Type::INET);
}

#[test]
fn arrays_are_kept() {
    let mut random = Random(23);
    keeps_typed(&Vec::<i64>::new(), &Type::INT8_ARRAY);
    keeps_typed(&INTS.to_vec(), &Type::INT8_ARRAY);
    keeps_typed(&vec![i16::MIN, i16::MAX], &Type::INT2_ARRAY);
    keeps_typed(&vec![i32::MIN, i32::MAX], &Type::INT4_ARRAY);
    keeps_typed(&vec![f64::NAN, -0.0, 5e-324], &Type::FLOAT8_ARRAY);
    keeps_typed(&vec![f32::NAN, -0.0, 1e-45], &Type::FLOAT4_ARRAY);
    keeps_typed(&vec![true, false], &Type::BOOL_ARRAY);
    keeps_typed(&vec![None, Some(vec![]), Some(vec![0_u8, 255])], &Type::BYTEA_ARRAY);
    keeps_typed(&vec![Json(vec![1, 2])], &Type::JSONB_ARRAY);
    keeps_typed(&vec![Timestamp::INFINITY, Timestamp::now()], &Type::TIMESTAMPTZ_ARRAY);
    keeps_typed(&vec![Numeric::nan(), Numeric::default()], &Type::NUMERIC_ARRAY);
    keeps_typed(&vec![IpAddr::from([0; 16])], &Type::INET_ARRAY);
    for _ in 0..1_000 {
        let texts: Vec<Option<String>> =
            (0..random.below(9)).map(|_| (random.below(4) > 0).then(|| random.text())).collect();
        keeps_typed(&texts, &Type::TEXT_ARRAY);
    }
}

#[test]
fn arrays_become_those_of_the_parameter() {
    let mut cells = Cells::default();
    vec![Some(1_i64), None, Some(i64::from(i16::MAX))].encode(&mut cells);
    again(cells.value(0), &Type::INT2_ARRAY, |read| {
        assert_eq!(Vec::<Option<i16>>::decode(read), Ok(vec![Some(1), None, Some(i16::MAX)]));
    })
    .expect("they fit");
    cells.clear();
    vec![1_i64 << 40].encode(&mut cells);
    assert!(refused(cells.value(0), &Type::INT4_ARRAY).contains("1099511627776"));
    refused(cells.value(0), &Type::INT8);
    refused(cells.value(0), &Type::TEXT);

    let mood = Type::new("mood".to_owned(), 20_000, Kind::Enum(vec!["glad".to_owned()]), "public".to_owned());
    let moods = Type::new("_mood".to_owned(), 20_001, Kind::Array(mood.clone()), "public".to_owned());
    keeps(ValueRef::Text(b"glad"), &mood);
    cells.clear();
    vec!["glad".to_owned()].encode(&mut cells);
    again(cells.value(0), &moods, |read| {
        assert_eq!(Vec::<String>::decode(read), Ok(vec!["glad".to_owned()]))
    })
    .expect("names");
}

#[test]
fn arrays_are_written_as_the_server_reads_them() {
    let texts = [None, Some(""), Some("a"), Some("null"), Some("a b"), Some("{\"x\",\\}"), Some("é")];
    let texts: Vec<Option<String>> = texts.map(|text| text.map(str::to_owned)).to_vec();
    assert_eq!(text(texts), r#"{NULL,"",a,"null","a b","{\"x\",\\}",é}"#);
    assert_eq!(text(vec![vec![1_u8], vec![]]), r#"{"\\x01","\\x"}"#);
    assert_eq!(text(Vec::<i64>::new()), "{}");
    assert_eq!(text(vec![1.5, f64::NAN]), "{1.5,NaN}");
    assert_eq!(text(vec![Timestamp::UNIX_EPOCH]), "{\"1970-01-01 00:00:00+00\"}");
}

#[test]
fn lists_of_values_become_arrays() {
    let values = [ValueRef::Int(1), ValueRef::Null, ValueRef::Int(-1)];
    let mut out = BytesMut::new();
    encode_array(values.into_iter(), &Type::INT8, &mut out).expect("integers");
    assert_eq!(
        Vec::<Option<i64>>::decode(decode(Some(&out), &Type::INT8_ARRAY)),
        Ok(vec![Some(1), None, Some(-1)])
    );
    let mismatch = encode_array([ValueRef::Text(b"x")].into_iter(), &Type::DATE, &mut out);
    assert!(
        mismatch.is_err_and(|mismatch| mismatch.to_string().starts_with("text for a parameter of type date"))
    );
}

#[test]
fn domains_are_the_types_that_they_restrict() {
    let domain =
        |name: &str, kind| Type::new(name.to_owned(), 20_000, Kind::Domain(kind), "public".to_owned());
    keeps(ValueRef::Int(7), &domain("positive", Type::INT4));
    keeps(ValueRef::Text(b"a@b"), &domain("inner", domain("email", Type::TEXT)));
    let array = |element| Type::new("_own".to_owned(), 20_001, Kind::Array(element), "public".to_owned());
    let unread = ValueRef::Wire(WireType::Unread, b"_own");
    let empty = [0; 12];
    assert_eq!(
        decode(Some(&empty), &array(domain("positive", Type::INT4))),
        unread,
        "its elements would be text"
    );
    assert_ne!(decode(Some(&empty), &array(domain("email", Type::TEXT))), unread);
}

#[test]
fn what_is_not_read_says_so_by_the_name_of_its_type() {
    for ty in [Type::POINT, Type::INTERVAL, Type::POINT_ARRAY, Type::INT4_RANGE] {
        let misfit = String::decode(decode(Some(&[0; 8]), &ty)).expect_err("not read");
        let found = format!("a value of type {}, which is not read: CAST it to text in the query", ty.name());
        assert_eq!(misfit.found, found);
    }
    // Types of the database's own come without their names.
    let own = |raw| decode(Some(raw), &Type::UNKNOWN);
    assert_eq!(own(b"glad"), ValueRef::Text(b"glad"));
    let mut array = Cells::default();
    vec![Some("glad".to_owned()), None].encode(&mut array);
    let read = Vec::<Option<String>>::decode(own(array.bytes()));
    assert_eq!(read, Ok(vec![Some("glad".to_owned()), None]));
    for raw in [&b"\x01Top.Science"[..], &[0, 0, 0, 7], &[0; 13]] {
        let misfit = String::decode(own(raw)).expect_err("no text");
        assert!(
            misfit.found.starts_with("a value of type unknown (not one of PostgreSQL's own)"),
            "{misfit:?}"
        );
    }
    // A type that is, and bytes that are not of its form.
    assert_eq!(decode(Some(&[0; 3]), &Type::INT4), ValueRef::Wire(WireType::Unread, b"int4"));
    assert_eq!(decode(Some(b"{}"), &Type::JSONB), ValueRef::Wire(WireType::Unread, b"jsonb"));
}
