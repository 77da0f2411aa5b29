//! Integers, floats and UUIDs.

use anyorm::prelude::*;
use anyorm::uuid::Uuid;
use anyorm::{Result, schema};
use anyorm_tests::random::Random;
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use super::are_kept;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    integers_are_kept,
    floats_are_kept,
    integers_are_calculated_with,
    each_integer_can_be_a_key,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_integers")]
struct Integers {
    #[key]
    id: i64,
    tiny: i8,
    small: i16,
    int: i32,
    big: i64,
    byte: u8,
    word: u16,
    long: u32,
    huge: u64,
    maybe: Option<u64>,
    yes: bool,
    uuid: Uuid,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_floats")]
struct Floats {
    #[key]
    id: i64,
    real: f32,
    double: f64,
    maybe: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_counters")]
struct Counter {
    #[key(auto)]
    id: i64,
    #[column(default = 7)]
    count: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_keyed")]
struct Keyed {
    #[key]
    id: u64,
    #[key]
    uuid: Uuid,
    note: String,
}

async fn integers_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Integers]).await?;
    let lowest =
        Integers { tiny: i8::MIN, small: i16::MIN, int: i32::MIN, big: i64::MIN, ..Integers::default() };
    let highest = Integers {
        id: 1,
        tiny: i8::MAX,
        small: i16::MAX,
        int: i32::MAX,
        big: i64::MAX,
        byte: u8::MAX,
        word: u16::MAX,
        long: u32::MAX,
        huge: i64::MAX as u64,
        maybe: Some(0),
        yes: true,
        uuid: Uuid::max(),
    };
    let mut values = vec![lowest, highest];
    let mut random = Random::new(1);
    for id in 2..100 {
        let bits = random.bits();
        values.push(Integers {
            id,
            tiny: bits as i8,
            small: bits as i16,
            int: bits as i32,
            big: bits as i64,
            byte: bits as u8,
            word: bits as u16,
            long: bits as u32,
            huge: bits >> 1 >> random.below(63),
            maybe: (!bits.is_multiple_of(3)).then_some(bits >> 1),
            yes: !bits.is_multiple_of(2),
            uuid: Uuid::from_u64_pair(random.bits(), random.bits()),
        });
    }
    are_kept(&db, &values).await?;
    // Compared, and ordered, by the database.
    for value in &values {
        let same =
            Integers::HUGE.eq(value.huge) & Integers::UUID.eq(value.uuid) & Integers::BIG.le(value.big);
        assert!(db.engine.exists(Integers::select().filter(same)).await?, "{value:?}");
    }
    let mut sizes: Vec<u64> = values.iter().map(|value| value.huge).collect();
    sizes.sort_unstable();
    let ordered = Integers::select().columns(Integers::HUGE).order_by(Integers::HUGE);
    assert_eq!(db.engine.all(ordered).await?, sizes);
    Ok(())
}

async fn floats_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Floats]).await?;
    let mut doubles = vec![
        0.0,
        0.1,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -2.5e-320,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::EPSILON,
        9_007_199_254_740_993.0,
        1e15,
        -1e16,
    ];
    if db.has(Capability::StoresNan) {
        // Where there is no NaN, there is no zero with a sign either.
        doubles.extend([f64::NAN, -0.0]);
    }
    let mut random = Random::new(2);
    let finite = |bits| Some(f64::from_bits(bits)).filter(|double| !double.is_nan()).unwrap_or(0.5);
    doubles.extend((0..100).map(|_| finite(random.bits())));
    let reals = [f32::MIN, f32::MAX, f32::MIN_POSITIVE, 1e-45, -1.5e-44, f32::INFINITY, 0.1];
    let values: Vec<Floats> = doubles
        .into_iter()
        .enumerate()
        .map(|(at, double)| Floats {
            id: at as i64,
            // Zero without its sign, which a small number may become.
            real: reals.get(at).copied().unwrap_or(double as f32 + 0.0),
            double,
            maybe: (at % 3 > 0).then_some(double),
        })
        .collect();
    are_kept(&db, &values).await
}

async fn integers_are_calculated_with(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Counter]).await?;
    let counters = [1_u64, 2, 40].map(|count| Counter { count, ..Counter::default() });
    db.engine.insert_many(counters).await?;
    let raised = Counter::update().set(Counter::COUNT, Counter::COUNT + 1).filter(Counter::COUNT.ge(2));
    assert_eq!(db.engine.execute(raised).await?, 2);
    let sums = Counter::select().columns((sum(Counter::COUNT), max(Counter::COUNT)));
    assert_eq!(db.engine.one(sums).await?, (Some(45), Some(41)));
    Ok(())
}

async fn each_integer_can_be_a_key(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Keyed]).await?;
    let keys = [(0, Uuid::nil()), (i64::MAX as u64, Uuid::max()), (7, Uuid::from_u128(7))];
    let mut session = db.engine.session();
    session.add_all(keys.map(|(id, uuid)| Keyed { id, uuid, note: id.to_string() }));
    session.commit().await?;
    let mut session = db.engine.session();
    for (id, uuid) in keys {
        let row = session.get_one::<Keyed>((id, uuid)).await?;
        assert_eq!(session[row].note, id.to_string());
        session.delete(row);
    }
    session.commit().await?;
    assert_eq!(db.engine.count(Keyed::select()).await?, 0);
    Ok(())
}
