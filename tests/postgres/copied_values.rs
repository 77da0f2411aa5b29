//! Values that are copied are stored as those that are inserted row by row.

use std::net::IpAddr;

use anyorm::bigdecimal::BigDecimal;
use anyorm::chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use anyorm::prelude::*;
use anyorm::rust_decimal::Decimal;
use anyorm::uuid::Uuid;
use anyorm::{IpNetwork, Json, Numeric, Result, SqlType, Timestamp, Trusted, schema};
use anyorm_tests::random::Random;

use crate::proxy::Side;
use crate::wired::{Wired, test};

/// Enough to be copied.
const ROWS: i64 = 4_200;

#[derive(Clone, Copy, Debug, Default, PartialEq, SqlType)]
#[sql_type(name = "copied_mood", rename_all = "snake_case")]
enum Mood {
    #[default]
    Glad,
    VeryGlad,
    #[sql_type(rename = "l'\"âme\"\\N\t")]
    Other,
}

/// A column of each type, each of which may be NULL.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "copied \"values\", 1")]
struct Wide {
    #[key]
    id: i64,
    tiny: Option<i8>,
    small: Option<i16>,
    int: Option<i32>,
    long: Option<u32>,
    big: Option<i64>,
    real: Option<f32>,
    double: Option<f64>,
    yes: Option<bool>,
    #[column(name = "a \"text\", 2")]
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    json: Option<Json<Vec<Option<String>>>>,
    uuid: Option<Uuid>,
    timestamp: Option<Timestamp>,
    numeric: Option<Numeric>,
    address: Option<IpAddr>,
    network: Option<IpNetwork>,
    mood: Option<Mood>,
    huge: Option<u64>,
    day: Option<NaiveDate>,
    clock: Option<NaiveTime>,
    both: Option<NaiveDateTime>,
    point: Option<DateTime<Utc>>,
    decimal: Option<Decimal>,
    big_decimal: Option<BigDecimal>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "copied_lists")]
struct Lists {
    #[key]
    id: i64,
    ints: Vec<Option<i32>>,
    reals: Vec<f32>,
    doubles: Vec<Option<f64>>,
    texts: Option<Vec<Option<String>>>,
    blobs: Vec<Vec<u8>>,
    uuids: Vec<Uuid>,
    numerics: Vec<Numeric>,
    moods: Vec<Mood>,
    days: Vec<NaiveDate>,
    clocks: Vec<Option<NaiveTime>>,
    boths: Vec<NaiveDateTime>,
    decimals: Vec<Decimal>,
}

/// One column: an empty text is an empty line.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "copied_keys")]
struct Alone {
    #[key]
    id: String,
}

/// What a text is made of: all that means something to COPY, to arrays or to SQL.
const PARTS: [&str; 24] = [
    "\\",
    "\t",
    "\n",
    "\r",
    "\\N",
    "\\.",
    "\\.\n",
    "N",
    "",
    " ",
    "'",
    "\"",
    ",",
    "{}",
    "NULL",
    "\u{1}",
    "\u{8}",
    "\u{b}",
    "\u{7f}",
    "é",
    "語",
    "\u{10FFFF}",
    "a",
    "\r\n",
];

struct Values(Random);

impl Values {
    fn bits(&mut self) -> u64 {
        self.0.below(1 << 32) << 32 | self.0.below(1 << 32)
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.0.below(8) > 0).then(|| make(self))
    }

    fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.0.below(4)).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        (0..self.0.below(6)).map(|_| PARTS[self.0.below(PARTS.len() as u64) as usize]).collect()
    }

    fn double(&mut self) -> f64 {
        let odd =
            [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX, 0.1, 1e15, 1e16, -1e-7];
        match self.0.below(3) {
            0 => odd[self.0.below(odd.len() as u64) as usize],
            1 => f64::from_bits(self.bits()),
            _ => self.bits() as i32 as f64 / 8.0,
        }
    }

    fn real(&mut self) -> f32 {
        let odd =
            [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-45, f32::MAX, f32::MIN_POSITIVE, 0.1];
        match self.0.below(2) {
            0 => odd[self.0.below(odd.len() as u64) as usize],
            _ => f32::from_bits(self.bits() as u32),
        }
    }

    fn int(&mut self) -> i64 {
        match self.0.below(3) {
            0 => [i64::MIN, i64::MAX, 0, -1][self.0.below(4) as usize],
            _ => self.bits() as i64 >> self.0.below(64),
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.0.below(40);
        (0..length).map(|_| self.bits() as u8).collect()
    }

    fn numeric(&mut self) -> Numeric {
        let odd = [
            "NaN",
            "Infinity",
            "-Infinity",
            "0.00",
            "1e-1000",
            "1e1000",
            "-99999999999999999999.000000000001",
        ];
        let text = match self.0.below(3) {
            0 => odd[self.0.below(odd.len() as u64) as usize].to_owned(),
            _ => format!("{}.{:010}", self.int(), self.0.below(10_000_000_000)),
        };
        text.parse().expect("a number")
    }

    fn network(&mut self) -> IpNetwork {
        let address = u128::from(self.bits()) << 64 | u128::from(self.bits());
        IpNetwork::new(IpAddr::from(address.to_be_bytes()), self.0.below(129) as u8).expect("a network")
    }

    fn mood(&mut self) -> Mood {
        [Mood::Glad, Mood::VeryGlad, Mood::Other][self.0.below(3) as usize]
    }

    fn timestamp(&mut self) -> Timestamp {
        match self.0.below(6) {
            0 => Timestamp::INFINITY,
            1 => Timestamp::NEGATIVE_INFINITY,
            2 => Timestamp::from_unix_micros(-210_866_803_200_000_000),
            _ => Timestamp::from_unix_micros(self.bits() as i64 >> 8),
        }
    }

    /// Also before the year 1 and after 9999: a date has an era then.
    fn both(&mut self) -> NaiveDateTime {
        let micros = match self.0.below(8) {
            0 => self.bits() as i64 >> 1,
            1 => -62_135_596_800_000_000,
            _ => self.bits() as i64 >> 8,
        };
        DateTime::from_timestamp_micros(micros.max(-210_866_803_200_000_000)).unwrap_or_default().naive_utc()
    }

    fn decimal(&mut self) -> Decimal {
        Decimal::new(self.int(), self.0.below(29) as u32)
    }

    fn wide(&mut self, id: i64) -> Wide {
        Wide {
            id,
            tiny: self.maybe(|values| values.int() as i8),
            small: self.maybe(|values| values.int() as i16),
            int: self.maybe(|values| values.int() as i32),
            long: self.maybe(|values| values.int() as u32),
            big: self.maybe(Self::int),
            real: self.maybe(Self::real),
            double: self.maybe(Self::double),
            yes: self.maybe(|values| values.0.below(2) == 0),
            text: self.maybe(Self::text),
            bytes: self.maybe(Self::bytes),
            json: self.maybe(|values| Json(values.list(|values| values.maybe(Self::text)))),
            uuid: self.maybe(|values| Uuid::from_u64_pair(values.bits(), values.bits())),
            timestamp: self.maybe(Self::timestamp),
            numeric: self.maybe(Self::numeric),
            address: self.maybe(|values| IpAddr::from((values.bits() as u32).to_be_bytes())),
            network: self.maybe(Self::network),
            mood: self.maybe(Self::mood),
            huge: self.maybe(|values| values.bits() >> 1),
            day: self.maybe(|values| values.both().date()),
            clock: self.maybe(|values| values.both().time()),
            both: self.maybe(Self::both),
            point: self.maybe(|values| values.both().and_utc()),
            decimal: self.maybe(Self::decimal),
            big_decimal: self.maybe(|values| BigDecimal::new(values.int().into(), values.0.below(99) as i64)),
        }
    }

    fn lists(&mut self, id: i64) -> Lists {
        Lists {
            id,
            ints: self.list(|values| values.maybe(|values| values.int() as i32)),
            reals: self.list(Self::real),
            doubles: self.list(|values| values.maybe(Self::double)),
            texts: self.maybe(|values| values.list(|values| values.maybe(Self::text))),
            blobs: self.list(Self::bytes),
            uuids: self.list(|values| Uuid::from_u64_pair(values.bits(), values.bits())),
            numerics: self.list(Self::numeric),
            moods: self.list(Self::mood),
            days: self.list(|values| values.both().date()),
            clocks: self.list(|values| values.maybe(|values| values.both().time())),
            boths: self.list(Self::both),
            decimals: self.list(Self::decimal),
        }
    }
}

/// All rows of a table, as the server writes them.
async fn rows(engine: &Engine, table: &str) -> Result<Vec<String>> {
    engine
        .all(sql(Trusted(format!("SELECT t::TEXT FROM {table} AS t ORDER BY id"))).returning::<String>())
        .await
}

/// Stores values in one statement, which must be copied, and then one by one.
async fn same_both_ways<E: Entity + Clone>(wired: &Wired, table: &str, values: Vec<E>) -> Result<()> {
    let engine = wired.engine("connections=1").await;
    engine.insert_many(values.clone()).await?;
    assert!(wired.proxy.count(Side::Client, 'd') > 0, "{table} is copied");
    let direct = &wired.direct.engine;
    let copied = rows(direct, table).await?;
    direct.execute(sql(Trusted(format!("TRUNCATE {table}")))).await?;
    let mut transaction = direct.begin().await?;
    for value in values {
        transaction.execute(E::insert().value(value)).await?;
    }
    transaction.commit().await?;
    let inserted = rows(direct, table).await?;
    assert_eq!(copied.len(), inserted.len());
    for (copied, inserted) in copied.iter().zip(&inserted) {
        assert_eq!(copied, inserted);
    }
    Ok(())
}

#[test]
fn random_values_of_each_type_are_stored_as_if_inserted_row_by_row() {
    test(async |wired| {
        wired.direct.engine.create_all(&schema![Wide]).await?;
        let mut values = Values(Random::new(11));
        let values = (0..ROWS).map(|id| values.wide(id)).collect();
        same_both_ways(wired, "\"copied \"\"values\"\", 1\"", values).await
    });
}

#[test]
fn random_lists_are_stored_as_if_inserted_row_by_row() {
    test(async |wired| {
        wired.direct.engine.create_all(&schema![Lists]).await?;
        let mut values = Values(Random::new(12));
        let values = (0..ROWS).map(|id| values.lists(id)).collect();
        same_both_ways(wired, "copied_lists", values).await
    });
}

#[test]
fn texts_that_mean_something_to_copy_are_kept_alone_on_their_line() {
    test(async |wired| {
        wired.direct.engine.create_all(&schema![Alone]).await?;
        // Its index has no room for long ones.
        let without = "ALTER TABLE copied_keys DROP CONSTRAINT copied_keys_pkey";
        wired.direct.engine.execute(sql(without)).await?;
        let mut ids: Vec<String> = (0..ROWS).map(|at| format!("{at}")).collect();
        ids.extend(PARTS.map(str::to_owned));
        ids.push("x".repeat(1_000_000));
        ids.push("\\\t\n".repeat(100_000));
        let engine = wired.engine("").await;
        engine.insert_many(ids.iter().map(|id| Alone { id: id.clone() })).await?;
        assert!(wired.proxy.count(Side::Client, 'd') > 0);
        let stored = wired.direct.engine.all(Alone::select()).await?;
        let mut stored: Vec<String> = stored.into_iter().map(|alone| alone.id).collect();
        ids.sort();
        stored.sort();
        assert_eq!(stored, ids);
        Ok(())
    });
}

#[test]
fn a_zero_in_a_text_is_refused_before_anything_is_sent() {
    test(async |wired| {
        wired.direct.engine.create_all(&schema![Alone]).await?;
        let id = |at: i64| if at == 2_100 { "a\0b".to_owned() } else { at.to_string() };
        for options in ["", "statement_cache=0"] {
            let engine = wired.engine(options).await;
            let error = engine.insert_many((0..ROWS).map(|at| Alone { id: id(at) })).await;
            let error = error.expect_err("no text of the server has a zero");
            assert!(error.to_string().contains("NUL"), "{error}");
            assert_eq!(wired.proxy.count(Side::Client, 'B'), 0, "it is seen before anything is sent");
            assert_eq!(engine.count(Alone::select()).await?, 0);
        }
        Ok(())
    });
}

#[test]
fn settings_for_how_values_are_written_change_nothing() {
    test(async |wired| {
        wired.direct.engine.create_all(&schema![Wide]).await?;
        let engine = wired.engine("connections=1").await;
        for setting in [
            "DateStyle = 'German'",
            "TimeZone = 'Asia/Kathmandu'",
            "bytea_output = 'escape'",
            "extra_float_digits = -15",
            "standard_conforming_strings = off",
        ] {
            engine.execute(sql(Trusted(format!("SET {setting}")))).await?;
        }
        let mut values = Values(Random::new(13));
        let values: Vec<Wide> = (0..ROWS).map(|id| values.wide(id)).collect();
        wired.proxy.clear();
        engine.insert_many(values.clone()).await?;
        assert!(wired.proxy.count(Side::Client, 'd') > 0);
        let stored = wired.direct.engine.all(Wide::select().order_by(Wide::ID)).await?;
        for (stored, value) in stored.iter().zip(&values) {
            // NaN is not itself.
            let (stored, value) = (format!("{stored:?}"), format!("{value:?}"));
            assert_eq!(stored, value);
        }
        Ok(())
    });
}
