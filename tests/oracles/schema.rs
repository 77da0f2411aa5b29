//! Three tables with all kinds of columns and relations, and random rows of them.

use anyorm::prelude::*;
use anyorm::{Schema, schema};
use anyorm_tests::random::Random;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "suns")]
pub(crate) struct Sun {
    #[key(auto)]
    id: i64,
    size: i64,
    heat: Option<i64>,
    name: String,
    note: Option<String>,
    mass: f64,
    drift: Option<f64>,
    bright: bool,
    hidden: Option<bool>,
    #[has_many(Planet::SUN)]
    planets: HasMany<Planet>,
    #[many_to_many(through = "passages", from = "sun_id", to = "moon_id")]
    visitors: ManyToMany<Moon>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "planets")]
pub(crate) struct Planet {
    #[key(auto)]
    id: i64,
    // Of a smaller type than what it is calculated with.
    size: i32,
    heat: Option<i64>,
    name: String,
    note: Option<String>,
    mass: f64,
    drift: Option<f64>,
    bright: bool,
    hidden: Option<bool>,
    #[belongs_to]
    sun: BelongsTo<Option<Sun>>,
    #[belongs_to]
    twin: BelongsTo<Option<Planet>>,
    #[has_many(Moon::PLANET)]
    moons: HasMany<Moon>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "moons")]
pub(crate) struct Moon {
    #[key(auto)]
    id: i64,
    size: i64,
    heat: Option<i32>,
    name: String,
    note: Option<String>,
    mass: f64,
    drift: Option<f64>,
    bright: bool,
    hidden: Option<bool>,
    #[belongs_to]
    planet: BelongsTo<Planet>,
    #[many_to_many(through = "passages", from = "moon_id", to = "sun_id")]
    suns: ManyToMany<Sun>,
}

/// The tables.
pub(crate) fn tables() -> Schema {
    schema![Sun, Planet, Moon]
}

/// Those of the entities and the one between suns and moons.
pub(crate) const TABLES: [&str; 4] = ["suns", "planets", "moons", "passages"];

/// What takes all rows out again, in an order that references allow.
pub(crate) const EMPTIED: [&str; 5] = [
    "DELETE FROM passages",
    "DELETE FROM moons",
    "UPDATE planets SET twin_id = NULL",
    "DELETE FROM planets",
    "DELETE FROM suns",
];

/// A text that stands in a column or next to one: with what patterns and quotes stumble over, spaces at the end, and
/// characters of several bytes. None of it changes outside of ASCII when its case does.
pub(crate) fn text(random: &mut Random) -> String {
    const PARTS: [&str; 12] = ["a", "b", "A", "ab", "%", "_", "\\", "'", " ", "日", "1", "z"];
    (0..random.below(4)).map(|_| PARTS[random.below(PARTS.len() as u64) as usize]).collect()
}

/// A number that floats have exactly, as they have its sums and products.
pub(crate) fn quarters(random: &mut Random) -> f64 {
    integer(random) as f64 / 4.0
}

/// A small number, often the same.
pub(crate) fn integer(random: &mut Random) -> i64 {
    match random.below(3) {
        0 => random.below(3) as i64,
        1 => random.below(8) as i64 - 3,
        _ => random.below(41) as i64 - 20,
    }
}

/// INSERT statements for random rows, as SQL that every database takes. With `backslashes`, they are doubled in texts.
pub(crate) fn rows(random: &mut Random, backslashes: bool) -> Vec<String> {
    let counts = [0; 3].map(|_| 3 + random.below(7));
    let [suns, planets, moons] = counts;
    let mut statements = Vec::new();
    let columns = "id, size, heat, name, note, mass, drift, bright, hidden";
    for id in 1..=suns {
        let values = values(random, id, backslashes);
        statements.push(format!("INSERT INTO suns ({columns}) VALUES ({values})"));
    }
    for id in 1..=planets {
        let values = values(random, id, backslashes);
        let (sun, twin) = (
            nullable(random, |random| 1 + random.below(suns)),
            nullable(random, |random| 1 + random.below(id)),
        );
        statements.push(format!(
            "INSERT INTO planets ({columns}, sun_id, twin_id) VALUES ({values}, {sun}, {twin})"
        ));
    }
    for id in 1..=moons {
        let values = values(random, id, backslashes);
        let planet = 1 + random.below(planets);
        statements.push(format!("INSERT INTO moons ({columns}, planet_id) VALUES ({values}, {planet})"));
    }
    for sun in 1..=suns {
        for moon in 1..=moons {
            if random.below(4) == 0 {
                statements.push(format!("INSERT INTO passages (sun_id, moon_id) VALUES ({sun}, {moon})"));
            }
        }
    }
    statements
}

fn values(random: &mut Random, id: u64, backslashes: bool) -> String {
    let quoted = |random: &mut Random| {
        let text = text(random).replace('\'', "''");
        format!("'{}'", if backslashes { text.replace('\\', r"\\") } else { text })
    };
    let flag = |random: &mut Random| random.below(2) == 0;
    let parts = [
        id.to_string(),
        integer(random).to_string(),
        nullable(random, integer),
        quoted(random),
        nullable(random, quoted),
        format!("{:?}", quarters(random)),
        nullable(random, |random| format!("{:?}", quarters(random))),
        flag(random).to_string(),
        nullable(random, flag),
    ];
    parts.join(", ")
}

fn nullable<T: ToString>(random: &mut Random, value: impl FnOnce(&mut Random) -> T) -> String {
    if random.below(3) == 0 { "NULL".to_owned() } else { value(random).to_string() }
}
