//! Decimal numbers and network addresses.

use anyorm::bigdecimal::BigDecimal;
use anyorm::ipnetwork::IpNetwork;
use anyorm::prelude::*;
use anyorm::rust_decimal::Decimal;
use anyorm::{Numeric, Result, schema};
use anyorm_tests::random::Random;
use orm_testkit::{Behaviour, Database, behaviours};

use super::are_kept;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    decimal_numbers_are_kept,
    decimal_numbers_of_any_size_are_kept,
    networks_are_kept,
    lists_of_decimal_numbers_are_kept,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_decimals")]
struct Decimals {
    #[key]
    id: i64,
    fixed: Decimal,
    maybe: Option<Decimal>,
    big: BigDecimal,
    plain: Numeric,
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

async fn decimal_numbers_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Decimals]).await?;
    let edges = [
        "0",
        "0.00",
        "1",
        "-1",
        "1.50",
        "-0.5",
        "9999",
        "10000",
        "-0.0001",
        "79228162514264337593543950335",
        "-79228162514264337593543950335",
        "7.9228162514264337593543950335",
        "0.0000000000000000000000000001",
    ];
    let mut texts = edges.map(str::to_owned).to_vec();
    let mut random = Random::new(5);
    for _ in 0..100 {
        let (whole, fraction) = (random.bits() as i64 >> random.below(64), random.below(10_000_000_000));
        let digits = random.below(10) as usize;
        texts.push(if digits == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{:.digits$}", format!("{fraction:010}"))
        });
    }
    let row = |(at, text): (usize, &String)| Decimals {
        id: at as i64,
        fixed: number(text),
        maybe: (at % 3 > 0).then(|| number(text)),
        big: number(text),
        plain: number(text),
    };
    let values: Vec<Decimals> = texts.iter().enumerate().map(row).collect();
    are_kept(&db, &values).await?;
    let stored = db.engine.all(Decimals::select().order_by(Decimals::ID)).await?;
    for (stored, text) in stored.iter().zip(&texts) {
        assert_eq!(stored.fixed.to_string(), *stored.plain.as_str(), "its zeros too");
        assert_eq!(stored.fixed, number::<Decimal>(text));
    }
    let found = Decimals::select()
        .filter(Decimals::FIXED.eq(Decimal::new(150, 2)) & Decimals::BIG.eq(number::<BigDecimal>("1.50")));
    assert_eq!(db.engine.count(found).await?, 1);
    Ok(())
}

async fn decimal_numbers_of_any_size_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Decimals]).await?;
    let long = format!("-{}.{}", "98765".repeat(200), "00001".repeat(200));
    let texts =
        ["1e1000", "-1e-1000", "123456789012345678901234567890.123456789012345678901234567890", &long];
    let row = |(at, text): (usize, &&str)| Decimals {
        id: at as i64,
        // As it is read: written out, with the digits that it has.
        big: number(number::<Numeric>(text).as_str()),
        plain: number(text),
        ..Decimals::default()
    };
    let values: Vec<Decimals> = texts.iter().enumerate().map(row).collect();
    are_kept(&db, &values).await?;
    // By its exponent, it is the same number.
    let by_exponent = Decimals { id: 9, big: number("1e1000"), ..Decimals::default() };
    db.engine.insert_many([by_exponent.clone()]).await?;
    let stored = db.engine.one(Decimals::select().filter(Decimals::ID.eq(9))).await?;
    assert_eq!(stored, by_exponent);
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "edge_networks")]
struct Networks {
    #[key]
    id: i64,
    network: IpNetwork,
    own: anyorm::IpNetwork,
    address: std::net::IpAddr,
    maybe: Option<IpNetwork>,
}

async fn networks_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Networks]).await?;
    let mut networks = [
        "0.0.0.0/0",
        "255.255.255.255/32",
        "10.1.2.3/8",
        "::/0",
        "::1/128",
        "2001:db8::1/64",
        "::ffff:1.2.3.4/96",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
    ]
    .map(number::<IpNetwork>)
    .to_vec();
    let mut random = Random::new(6);
    for _ in 0..50 {
        let address = u128::from(random.bits()) << 64 | u128::from(random.bits());
        networks
            .push(IpNetwork::new(address.to_be_bytes().into(), random.below(129) as u8).expect("a network"));
        let address = (random.bits() as u32).to_be_bytes();
        networks.push(IpNetwork::new(address.into(), random.below(33) as u8).expect("a network"));
    }
    let row = |(at, &network): (usize, &IpNetwork)| Networks {
        id: at as i64,
        network,
        own: network.into(),
        address: network.ip(),
        maybe: (at % 3 > 0).then_some(network),
    };
    let values: Vec<Networks> = networks.iter().enumerate().map(row).collect();
    are_kept(&db, &values).await?;
    for value in values.iter().step_by(9) {
        let same = Networks::NETWORK.eq(value.network)
            & Networks::OWN.eq(value.own)
            & Networks::ADDRESS.eq(value.address);
        assert!(db.engine.exists(Networks::select().filter(same)).await?, "{value:?}");
    }
    Ok(())
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_decimal_lists")]
struct Lists {
    #[key]
    id: i64,
    fixed: Vec<Decimal>,
    big: Vec<Option<BigDecimal>>,
    networks: Vec<IpNetwork>,
}

async fn lists_of_decimal_numbers_are_kept(db: Database) -> Result<()> {
    if !db.engine.dialect().arrays {
        return db.engine.create_all(&schema![Lists]).await.map(|()| panic!("no arrays")).or(Ok(()));
    }
    db.engine.create_all(&schema![Lists]).await?;
    let lists = Lists {
        id: 1,
        fixed: vec![Decimal::MIN, Decimal::MAX, Decimal::new(150, 2)],
        big: vec![None, Some(number("-0.000000000000000000000000000000000000001"))],
        networks: vec![number("10.0.0.0/8"), number("::/0")],
    };
    are_kept(&db, &[Lists::default(), lists]).await
}
