//! Stored values that the field's type has not: an error that names entity, column, type, table and row.

use anyorm::bigdecimal::BigDecimal;
use anyorm::chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use anyorm::ipnetwork::IpNetwork;
use anyorm::jiff::civil;
use anyorm::prelude::*;
use anyorm::rust_decimal::Decimal;
use anyorm::time::{self, OffsetDateTime};
use anyorm::uuid::Uuid;
use anyorm::{Error, Result};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    integers_that_do_not_fit_are_told,
    values_of_another_kind_are_told,
    times_that_do_not_fit_are_told,
    decimal_numbers_that_do_not_fit_are_told,
    a_composite_key_is_told,
];

macro_rules! odd {
    ($($name:ident $ty:ty;)*) => {$(
        #[derive(Clone, Debug, Entity)]
        #[entity(table = "edge_odd")]
        struct $name {
            #[key]
            id: i64,
            value: $ty,
        }

        impl Odd for $name {
            fn value(&self) -> String {
                format!("{:?}", self.value)
            }
        }
    )*};
}

/// One value of some type.
trait Odd: Entity<Key = i64> {
    fn value(&self) -> String;
}

odd! {
    OddI8 i8;
    OddI16 i16;
    OddI32 i32;
    OddU8 u8;
    OddU16 Option<u16>;
    OddU32 u32;
    OddU64 u64;
    OddBool bool;
    OddFloat f64;
    OddText String;
    OddUuid Uuid;
    OddNetwork Option<IpNetwork>;
    OddChronoDate NaiveDate;
    OddChronoTime NaiveTime;
    OddChronoBoth NaiveDateTime;
    OddDate time::Date;
    OddPoint Option<OffsetDateTime>;
    OddCivilDate civil::Date;
    OddCivilTime civil::Time;
    OddDecimal Decimal;
    OddBig BigDecimal;
}

/// Stores a value that the entity has not between two that it has, and reads all of them.
async fn is_told<E: Odd>(db: &Database, ty: &str, fits: &str, odd: &str, words: [&str; 2]) -> Result<()> {
    db.engine
        .execute(sql(anyorm::Trusted(format!("CREATE TABLE edge_odd (id BIGINT PRIMARY KEY, value {ty})"))))
        .await?;
    db.engine
        .execute(sql(anyorm::Trusted(format!(
            "INSERT INTO edge_odd VALUES (1, {fits}), (7, {odd}), (9, {fits})"
        ))))
        .await?;
    let [expected, found] = words;
    let name = E::meta().name;
    let says = |error: Error| {
        assert!(matches!(error, Error::Decode(_)), "{odd}: {error:?}");
        let error = error.to_string();
        assert!(error.starts_with(&format!("cannot read {name}.value: expected {expected}")), "{error}");
        assert!(
            error.contains(&format!("found {found}, in the row of edge_odd with id 7\n  in: SELECT")),
            "{error}"
        );
    };
    says(db.engine.all(E::select()).await.map(drop).expect_err(odd));
    let mut session = db.engine.session();
    says(session.all(E::select()).await.map(drop).expect_err(odd));
    says(session.get::<E>(7).await.map(drop).expect_err(odd));
    // The others are read.
    let row = session.get_one::<E>(9).await?;
    assert!(!session[row].value().is_empty());
    db.engine.execute(sql("DROP TABLE edge_odd")).await.map(drop)
}

async fn integers_that_do_not_fit_are_told(db: Database) -> Result<()> {
    let db = &db;
    let int = "the integer";
    is_told::<OddI8>(db, "BIGINT", "-128", "128", ["an integer that fits i8", &format!("{int} 128")]).await?;
    is_told::<OddI16>(db, "BIGINT", "5", "-32769", ["an integer that fits i16", &format!("{int} -32769")])
        .await?;
    is_told::<OddI32>(
        db,
        "BIGINT",
        "5",
        "2147483648",
        ["an integer that fits i32", &format!("{int} 2147483648")],
    )
    .await?;
    is_told::<OddU8>(db, "BIGINT", "255", "300", ["an integer that fits u8", &format!("{int} 300")]).await?;
    is_told::<OddU8>(db, "BIGINT", "0", "-1", ["an integer that fits u8", &format!("{int} -1")]).await?;
    is_told::<OddU16>(db, "BIGINT", "NULL", "65536", ["an integer that fits u16", &format!("{int} 65536")])
        .await?;
    is_told::<OddU32>(db, "BIGINT", "0", "-7", ["an integer that fits u32", &format!("{int} -7")]).await?;
    is_told::<OddU64>(db, "BIGINT", "0", "-1", ["an integer that is not negative", &format!("{int} -1")])
        .await?;
    is_told::<OddBool>(db, "BIGINT", "1", "2", ["a boolean (0 or 1)", &format!("{int} 2")]).await
}

async fn values_of_another_kind_are_told(db: Database) -> Result<()> {
    let db = &db;
    // SQLite takes any value in a column without a type; a server's columns have one.
    let any_type = db.has(Capability::AnyTypeInAColumn);
    let any = |ty: &'static str| if any_type { "" } else { ty };
    if any_type {
        is_told::<OddI32>(db, "", "36", "'old'", ["an integer that fits i32", "text"]).await?;
        is_told::<OddU64>(db, "", "36", "'old'", ["an integer that is not negative", "text"]).await?;
        is_told::<OddFloat>(db, "", "0.5", "'0.5'", ["a float", "text"]).await?;
        is_told::<OddText>(db, "", "'a'", "7", ["text", "an integer"]).await?;
        is_told::<OddText>(db, "", "'a'", "x'00'", ["text", "bytes"]).await?;
        is_told::<OddChronoDate>(db, "", "'2024-02-29'", "19782", ["a date", "an integer"]).await?;
        is_told::<OddDecimal>(db, "", "'0.1'", "0.1", ["a decimal number", "a float"]).await?;
    }
    is_told::<OddI32>(db, "BIGINT", "36", "NULL", ["an integer that fits i32", "NULL"]).await?;
    is_told::<OddU64>(db, "BIGINT", "36", "NULL", ["an integer that is not negative", "NULL"]).await?;
    is_told::<OddCivilTime>(db, any("TIME"), "'13:45:00'", "NULL", ["a time of day", "NULL"]).await?;
    let nil = "'00000000-0000-0000-0000-000000000000'";
    is_told::<OddUuid>(db, "TEXT", nil, "'none'", ["a UUID", "none"]).await?;
    is_told::<OddNetwork>(db, "TEXT", "NULL", "'10.0.0.0/33'", ["a network address", "10.0.0.0/33"]).await
}

async fn times_that_do_not_fit_are_told(db: Database) -> Result<()> {
    let db = &db;
    let any_type = db.has(Capability::AnyTypeInAColumn);
    let ty = |ty: &'static str| if any_type { "TEXT" } else { ty };
    let (date, time, both) = (ty("DATE"), ty("TIME"), ty("TIMESTAMP"));
    let has = "a date that the field's type has, like 2024-02-29";
    for odd in ["10000-01-01", "infinity", "-infinity"] {
        let quoted = format!("'{odd}'");
        is_told::<OddDate>(db, date, "'9999-12-31'", &quoted, [has, odd]).await?;
        is_told::<OddCivilDate>(db, date, "'0001-01-01'", &quoted, [has, odd]).await?;
    }
    is_told::<OddChronoDate>(db, date, "'2024-02-29'", "'infinity'", [has, "infinity"]).await?;
    let expected = "a time of day before 24:00, like 13:45:00";
    is_told::<OddChronoTime>(db, time, "'00:00:00'", "'24:00:00'", [expected, "24:00:00"]).await?;
    is_told::<OddCivilTime>(db, time, "'23:59:59.999999'", "'24:00:00'", [expected, "24:00:00"]).await?;
    let expected = "a date and time that the field's type has";
    is_told::<OddChronoBoth>(db, both, "'2024-02-29 13:45:00'", "'infinity'", [expected, "infinity"]).await?;
    if !any_type {
        let odd = ["a time that `OffsetDateTime` has", "10000-01-01 00:00:00+00"];
        return is_told::<OddPoint>(db, "TIMESTAMPTZ", "NULL", "'10000-01-01 00:00:00+00'", odd).await;
    }
    let odd = ["a time that `OffsetDateTime` has", "10000-01-01 00:00:00+00"];
    is_told::<OddPoint>(db, "BIGINT", "0", "253402300800000000", odd).await?;
    for odd in ["2023-02-29", "2024-2-9", "0000-01-01", "-0001-01-01", "tomorrow", ""] {
        is_told::<OddChronoDate>(db, date, "'2024-02-29'", &format!("'{odd}'"), [has, odd]).await?;
    }
    for odd in [
        "2024-02-29 13:45:00Z",
        "2024-02-29 13:45:00+02:00",
        "2024-02-29 13:45:60",
        "2024-02-29",
        "2024-02-29 13:45:00.0000001",
    ] {
        is_told::<OddChronoBoth>(db, both, "'2024-02-29 13:45:00'", &format!("'{odd}'"), [expected, odd])
            .await?;
    }
    Ok(())
}

async fn decimal_numbers_that_do_not_fit_are_told(db: Database) -> Result<()> {
    let db = &db;
    let ty = if db.has(Capability::AnyTypeInAColumn) { "TEXT" } else { "NUMERIC" };
    let expected = "a decimal number of at most 28 digits";
    for odd in ["0.33333333333333333333333333333333", "79228162514264337593543950336", "NaN"] {
        is_told::<OddDecimal>(db, ty, "'0.3'", &format!("'{odd}'"), [expected, odd]).await?;
    }
    is_told::<OddBig>(db, ty, "'1e1000'", "'NaN'", ["a decimal number that is finite", "NaN"]).await
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "edge_seats")]
struct Seat {
    #[key]
    line: String,
    #[key]
    number: i32,
    taken: bool,
}

async fn a_composite_key_is_told(db: Database) -> Result<()> {
    db.engine.execute(sql("CREATE TABLE edge_seats (line TEXT, number INTEGER, taken INTEGER)")).await?;
    db.engine.execute(sql("INSERT INTO edge_seats VALUES ('A', 1, 0), ('B', 7, 2)")).await?;
    let error = db.engine.all(Seat::select()).await.expect_err("2 is no boolean").to_string();
    assert!(
        error.contains("found the integer 2, in the row of edge_seats with line B, number 7\n"),
        "{error}"
    );
    let taken = Seat::select().columns((Seat::NUMBER, Seat::TAKEN)).order_by(Seat::NUMBER);
    let error = db.engine.all(taken).await.expect_err("2 is no boolean").to_string();
    assert!(error.contains("cannot read taken: expected a boolean (0 or 1)"), "{error}");
    assert!(error.contains("found the integer 2, in row 2 of the answer\n"), "{error}");
    Ok(())
}
