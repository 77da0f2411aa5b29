//! Values of every column type are read as they were written, the ones at the edges too.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyorm::prelude::*;
use anyorm::uuid::Uuid;
use anyorm::{IpNetwork, Json, Numeric, Result, SqlType, Timestamp, Trusted, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    values_at_the_edges_are_kept,
    random_values_are_kept,
    nulls_are_kept,
    what_did_not_change_is_not_written,
    values_are_compared_by_the_database,
    names_of_enums_are_checked,
    times_are_cut_off_at_the_microsecond,
    a_time_that_no_database_has_is_refused,
    lists_are_kept_or_refused,
    a_list_of_the_wrong_kind_is_an_error,
];

#[derive(Clone, Copy, Debug, Default, PartialEq, SqlType)]
#[sql_type(name = "column_types_mood", rename_all = "snake_case")]
enum Mood {
    #[default]
    Glad,
    VeryGlad,
    #[sql_type(rename = "l'\"âme\"")]
    Other,
}

#[derive(Clone, Debug, PartialEq, SqlType)]
struct Amount(Numeric);

/// A column of each type that all databases have.
#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "column_types_all")]
struct All {
    #[key(auto)]
    id: i64,
    tiny: i8,
    small: i16,
    int: i32,
    big: i64,
    byte: u8,
    word: u16,
    long: u32,
    real: f32,
    double: f64,
    yes: bool,
    text: String,
    bytes: Vec<u8>,
    json: Json<Vec<Option<String>>>,
    uuid: Uuid,
    timestamp: Timestamp,
    time: SystemTime,
    numeric: Amount,
    address: IpAddr,
    network: IpNetwork,
    mood: Mood,
}

/// The same, where each may be NULL.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "column_types_none")]
struct Nothing {
    #[key(auto)]
    id: i64,
    int: Option<i32>,
    double: Option<f64>,
    yes: Option<bool>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    json: Option<Json<i32>>,
    uuid: Option<Uuid>,
    timestamp: Option<Timestamp>,
    time: Option<SystemTime>,
    numeric: Option<Numeric>,
    address: Option<IpAddr>,
    network: Option<IpNetwork>,
    mood: Option<Mood>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "column_types_lists")]
struct Lists {
    #[key(auto)]
    id: i64,
    ints: Vec<i32>,
    bigs: Vec<Option<i64>>,
    doubles: Vec<f64>,
    flags: Vec<bool>,
    texts: Vec<Option<String>>,
    blobs: Vec<Vec<u8>>,
    uuids: Vec<Uuid>,
    timestamps: Vec<Timestamp>,
    numerics: Vec<Numeric>,
    networks: Vec<IpNetwork>,
    moods: Vec<Mood>,
    maybe: Option<Vec<i64>>,
}

fn number(text: &str) -> Amount {
    Amount(text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn network(text: &str) -> IpNetwork {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn lowest() -> All {
    All {
        id: 0,
        tiny: i8::MIN,
        small: i16::MIN,
        int: i32::MIN,
        big: i64::MIN,
        byte: 0,
        word: 0,
        long: 0,
        real: f32::MIN,
        double: f64::MIN,
        yes: false,
        text: String::new(),
        bytes: Vec::new(),
        json: Json(Vec::new()),
        uuid: Uuid::nil(),
        timestamp: Timestamp::NEGATIVE_INFINITY,
        time: UNIX_EPOCH - Duration::from_micros(1),
        numeric: number("-99999999999999999999999999.00000000000000000001"),
        address: IpAddr::from([0, 0, 0, 0]),
        network: network("0.0.0.0/0"),
        mood: Mood::Glad,
    }
}

fn highest() -> All {
    All {
        id: 0,
        tiny: i8::MAX,
        small: i16::MAX,
        int: i32::MAX,
        big: i64::MAX,
        byte: u8::MAX,
        word: u16::MAX,
        long: u32::MAX,
        real: f32::MAX,
        double: f64::MAX,
        yes: true,
        text: "a'b\"c\\d\n\u{1}é語\u{10FFFF}".into(),
        bytes: (0..=255).collect(),
        json: Json(vec![None, Some("\"é\u{0}\"".replace('\0', ""))]),
        uuid: Uuid::max(),
        timestamp: Timestamp::INFINITY,
        time: UNIX_EPOCH + Duration::from_secs(253_402_300_800), // the year 10000
        numeric: number(&format!("{}.{}", "9".repeat(500), "1234567890".repeat(50))),
        address: IpAddr::from([0xffff_u16; 8]),
        network: network("2001:db8::1/64"),
        mood: Mood::Other,
    }
}

fn odd() -> All {
    All {
        real: 1e-45,
        double: 5e-324,
        text: "NULL".into(),
        bytes: b"\\x00".to_vec(),
        timestamp: Timestamp::from_unix_micros(-210_866_803_200_000_000), // 4714-11-24 BC
        numeric: number("0.00"),
        mood: Mood::VeryGlad,
        address: IpAddr::from([10, 0, 0, 1]),
        network: network("10.0.0.1/8"),
        ..lowest()
    }
}

async fn values_at_the_edges_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    let mut values = vec![lowest(), highest(), odd()];
    for double in [0.0, 0.1, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY] {
        values.push(All { double, real: double as f32, ..lowest() });
    }
    if db.engine.dialect().stores_nan {
        values.push(All { double: f64::NAN, real: f32::NAN, ..lowest() });
        // SQLite stores whole numbers as integers, where zero has no sign.
        values.push(All { double: -0.0, real: -0.0, ..lowest() });
    }
    for numeric in ["0", "-0.5", "1.50", "10000.0001", "NaN", "Infinity", "-Infinity", "1e-1000", "1e1000"] {
        values.push(All { numeric: number(numeric), ..highest() });
    }
    is_kept(&db, values).await
}

/// Adds values by a session, and reads them past it, by another session, and by single columns.
async fn is_kept(db: &Database, values: Vec<All>) -> Result<()> {
    let mut session = db.engine.session();
    let handles = session.add_all(values.clone());
    session.commit().await?;
    let stored = db.engine.all(All::select().order_by(All::ID)).await?;
    assert_eq!(stored.len(), values.len());
    for (mut stored, value) in stored.into_iter().zip(&values) {
        stored.id = 0;
        // Also where Rust says that a value is not itself, or equals another: NaN, -0.0, 1.50.
        assert_eq!(format!("{stored:?}"), format!("{value:?}"));
    }
    let mut other = db.engine.session();
    for (handle, value) in handles.into_iter().zip(values) {
        let key = session[handle].id;
        let same = other.get_one::<All>(key).await?;
        assert_eq!(format!("{:?}", other[same]), format!("{:?}", All { id: key, ..value }));
    }
    Ok(())
}

async fn random_values_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut values = Vec::new();
    for _ in 0..200 {
        let double = Some(f64::from_bits(next())).filter(|double| !double.is_nan()).unwrap_or(0.5);
        let first = -210_866_803_200_000_000;
        values.push(All {
            id: 0,
            tiny: next() as i8,
            small: next() as i16,
            int: next() as i32,
            big: next() as i64,
            byte: next() as u8,
            word: next() as u16,
            long: next() as u32,
            real: Some(f32::from_bits(next() as u32)).filter(|real| !real.is_nan()).unwrap_or(0.5),
            double,
            yes: next() % 2 == 0,
            text: char::from_u32(next() as u32 % 0xD7FF + 1).into_iter().cycle().take(7).collect(),
            bytes: next().to_le_bytes()[..next() as usize % 9].to_vec(),
            json: Json(vec![Some(next().to_string()), None]),
            uuid: Uuid::from_u64_pair(next(), next()),
            timestamp: Timestamp::from_unix_micros((next() as i64).max(first)),
            time: UNIX_EPOCH + Duration::from_micros(next() >> 12),
            numeric: number(&format!("{}.{:010}", next() as i64, next() % 10_000_000_000)),
            address: IpAddr::from((next() as u32).to_be_bytes()),
            network: IpNetwork::new(IpAddr::from((next() as u128).to_be_bytes()), next() as u8 % 129)
                .expect("a network"),
            mood: [Mood::Glad, Mood::VeryGlad, Mood::Other][next() as usize % 3],
        });
    }
    is_kept(&db, values).await
}

async fn nulls_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Nothing]).await?;
    let some = Nothing {
        int: Some(0),
        double: Some(0.0),
        yes: Some(false),
        text: Some(String::new()),
        bytes: Some(Vec::new()),
        json: Some(Json(0)),
        uuid: Some(Uuid::nil()),
        timestamp: Some(Timestamp::default()),
        time: Some(UNIX_EPOCH),
        numeric: Some(Numeric::default()),
        address: Some(IpAddr::from([0; 4])),
        network: Some(network("::/0")),
        mood: Some(Mood::Glad),
        ..Nothing::default()
    };
    let mut session = db.engine.session();
    let [none, some] = [session.add(Nothing::default()), session.add(some.clone())];
    session.commit().await?;
    let (first, second) = (session[none].clone(), session[some].clone());
    assert_eq!(
        db.engine.all(Nothing::select().order_by(Nothing::ID)).await?,
        [first.clone(), second.clone()]
    );
    // And the other way.
    session[none] = Nothing { id: first.id, ..second.clone() };
    session[some] = Nothing { id: second.id, ..first.clone() };
    session.commit().await?;
    let stored = db.engine.all(Nothing::select().order_by(Nothing::ID)).await?;
    assert_eq!(stored, [Nothing { id: first.id, ..second.clone() }, Nothing { id: second.id, ..first }]);
    Ok(())
}

async fn what_did_not_change_is_not_written(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    let mut session = db.engine.session();
    session.add(highest());
    session.commit().await?;
    let mut session = db.engine.session();
    let row = session.one(All::select()).await?;
    db.log.clear();
    let same = session[row].clone();
    session[row] = same;
    session.commit().await?;
    assert_eq!(sent(&db), [""; 0]);
    // The same number, shown with other decimals, is stored otherwise.
    session[row].numeric = number("1.5");
    session.commit().await?;
    session[row].numeric = number("1.50");
    session[row].uuid = Uuid::nil();
    assert_eq!(session.changes()?.to_string(), format!("update All {}: uuid, numeric", session[row].id));
    session.commit().await?;
    let stored = db.engine.one(All::select()).await?;
    assert_eq!((stored.numeric.0.as_str(), stored.uuid), ("1.50", Uuid::nil()));
    Ok(())
}

async fn values_are_compared_by_the_database(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    let middle = All { timestamp: Timestamp::UNIX_EPOCH, uuid: Uuid::from_u128(1 << 127), ..odd() };
    db.engine.insert_many([highest(), lowest(), middle.clone()]).await?;
    let by_time = All::select().columns(All::TIMESTAMP).order_by(All::TIMESTAMP);
    let times = [Timestamp::NEGATIVE_INFINITY, Timestamp::UNIX_EPOCH, Timestamp::INFINITY];
    assert_eq!(db.engine.all(by_time).await?, times);
    let by_uuid = All::select().columns(All::UUID).order_by(All::UUID);
    assert_eq!(db.engine.all(by_uuid).await?, [Uuid::nil(), middle.uuid, Uuid::max()]);
    let later = All::select().filter(All::TIMESTAMP.gt(Timestamp::UNIX_EPOCH) & All::TIME.gt(UNIX_EPOCH));
    assert_eq!(db.engine.count(later).await?, 1);
    for filter in [
        All::UUID.eq(middle.uuid),
        All::UUID.is_in([middle.uuid, Uuid::from_u128(7)]),
        All::NUMERIC.eq(middle.numeric.clone()),
        All::NETWORK.eq(middle.network),
        All::ADDRESS.is_in([middle.address]),
        All::MOOD.eq(Mood::VeryGlad),
        All::MOOD.not_in([Mood::Glad, Mood::Other]),
        All::TIMESTAMP.between(times[1], times[1]),
        All::BYTES.eq(middle.bytes.as_slice()),
    ] {
        assert_eq!(db.engine.count(All::select().filter(filter.clone())).await?, 1, "{filter:?}");
    }
    let changed = All::update()
        .set(All::MOOD, Mood::Other)
        .set(All::UUID, Uuid::max())
        .filter(All::MOOD.eq(Mood::Glad));
    assert_eq!(db.engine.execute(changed).await?, 1);
    let moods = All::select().columns(All::MOOD).order_by(All::ID);
    assert_eq!(db.engine.all(moods).await?, [Mood::Other, Mood::Other, Mood::VeryGlad]);
    Ok(())
}

async fn names_of_enums_are_checked(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    // Twice: the type is there.
    db.engine.create_all(&schema![All]).await?;
    db.engine.insert_many([lowest()]).await?;
    let raw = sql("SELECT 'sad' FROM column_types_all").returning::<Mood>();
    let error = db.engine.one(raw).await.expect_err("no such mood").to_string();
    assert!(
        error.contains("one of `glad`, `very_glad`, `l'\"âme\"`") && error.contains("\"sad\""),
        "{error}"
    );
    db.engine.drop_all(&schema![All]).await?;
    db.engine.create_all(&schema![All]).await
}

async fn times_are_cut_off_at_the_microsecond(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    let nanos = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
    let mut session = db.engine.session();
    let row = session.add(All { time: nanos(1_999), ..lowest() });
    session.commit().await?;
    assert_eq!(db.engine.one(All::select()).await?.time, nanos(1_000));
    db.log.clear();
    session[row].time = nanos(1_500);
    session.commit().await?;
    assert_eq!(sent(&db), [""; 0], "it would be stored the same");
    Ok(())
}

async fn a_time_that_no_database_has_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&schema![All]).await?;
    db.log.clear();
    let early = All { timestamp: Timestamp::from_unix_micros(i64::MIN + 1), ..lowest() };
    let error = db.engine.insert_many([lowest(), early]).await.expect_err("no such time").to_string();
    assert!(error.contains("a timestamp before 4714-11-24 BC"), "{error}");
    assert_eq!(sent(&db), [""; 0]);
    Ok(())
}

fn lists() -> Lists {
    Lists {
        id: 0,
        ints: vec![i32::MIN, 0, i32::MAX],
        bigs: vec![None, Some(i64::MIN), None],
        doubles: vec![f64::INFINITY, -0.0, 5e-324],
        flags: vec![true, false],
        texts: vec![Some(String::new()), None, Some("NULL".into()), Some("{\"a\",\\é 語}\n".into())],
        blobs: vec![vec![], (0..=255).collect()],
        uuids: vec![Uuid::nil(), Uuid::max()],
        timestamps: vec![Timestamp::INFINITY, Timestamp::from_unix_micros(-1)],
        numerics: vec![number("1.50").0, Numeric::nan()],
        networks: vec![network("10.0.0.0/8"), network("::1")],
        moods: vec![Mood::Other, Mood::VeryGlad, Mood::Other],
        maybe: Some(vec![1]),
    }
}

async fn lists_are_kept_or_refused(db: Database) -> Result<()> {
    let created = db.engine.create_all(&schema![Lists]).await;
    if !db.engine.dialect().arrays {
        let error = created.expect_err("no arrays").to_string();
        assert!(
            error.ends_with("Lists::ints is an array, which SQLite has not: use `Json<Vec<T>>`"),
            "{error}"
        );
        db.engine.create_all(&schema![All]).await?;
        db.log.clear();
        let bound = sql("SELECT ").bind(vec![1_i64]).returning::<i64>();
        let error = db.engine.one(bound).await.expect_err("no arrays").to_string();
        assert!(error.contains("an array, which SQLite has not: use `Json<Vec<T>>`"), "{error}");
        assert_eq!(sent(&db), [""; 0]);
        return Ok(());
    }
    created?;
    let mut session = db.engine.session();
    session.add_all([Lists::default(), lists()]);
    session.commit().await?;
    let mut stored = db.engine.all(Lists::select().order_by(Lists::ID)).await?;
    stored.iter_mut().for_each(|row| row.id = 0);
    assert_eq!(format!("{stored:?}"), format!("{:?}", [Lists::default(), lists()]));
    let found = Lists::select().filter(Lists::BIGS.eq(lists().bigs) & Lists::MOODS.eq(lists().moods));
    assert_eq!(db.engine.count(found).await?, 1);
    Ok(())
}

async fn a_list_of_the_wrong_kind_is_an_error(db: Database) -> Result<()> {
    if !db.engine.dialect().arrays {
        return Ok(());
    }
    let raw = |text: &str| sql(Trusted(text)).returning::<Vec<i32>>();
    let error =
        db.engine.one(raw("SELECT ARRAY[[1,2],[3,4]]")).await.expect_err("two dimensions").to_string();
    assert!(error.contains("an array of 2 dimensions"), "{error}");
    let error = db.engine.one(raw("SELECT ARRAY[1, NULL]")).await.expect_err("a NULL").to_string();
    assert!(error.contains("NULL"), "{error}");
    let error = db.engine.one(raw("SELECT ARRAY['a']")).await.expect_err("a text").to_string();
    assert!(error.contains("text"), "{error}");
    Ok(())
}
