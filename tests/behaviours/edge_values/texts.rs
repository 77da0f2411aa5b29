//! Text and bytes.

use anyorm::prelude::*;
use anyorm::{Json, Result, schema};
use anyorm_tests::random::Random;
use orm_testkit::{Behaviour, Database, behaviours};

use super::are_kept;

pub(crate) const BEHAVIOURS: &[Behaviour] =
    &behaviours![texts_are_kept, large_values_are_kept, texts_are_found_as_they_are];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edge_texts")]
struct Texts {
    #[key]
    id: i64,
    text: String,
    maybe: Option<String>,
    bytes: Vec<u8>,
    json: Json<Vec<String>>,
}

/// What a text is made of: all that means something in SQL, in literals, patterns and arrays, to C, or to Unicode.
const PARTS: [&str; 26] = [
    "'",
    "''",
    "\"",
    "\\",
    "\\'",
    "\\x00",
    "\\u0000",
    "`",
    "%",
    "_",
    ";--",
    "/*",
    "$1",
    "?",
    ":a",
    "$$",
    "NULL",
    "{}",
    ",",
    "\n",
    "\r\n",
    "\t",
    "\u{1}",
    "👩‍👩‍👧",
    "e\u{301}",
    "\u{10FFFF}",
];

fn text(random: &mut Random) -> String {
    (0..random.below(8)).map(|_| PARTS[random.below(PARTS.len() as u64) as usize]).collect()
}

fn values() -> Vec<Texts> {
    let mut random = Random::new(3);
    let edges = ["", " ", "a", "\u{FEFF}", "\u{FFFD}", "ß", "İ", "語"].map(str::to_owned);
    let alone = PARTS.map(str::to_owned);
    let random_texts: Vec<String> = (0..100).map(|_| text(&mut random)).collect();
    let all = edges.into_iter().chain(alone).chain(random_texts);
    let row = |(id, text): (usize, String)| Texts {
        id: id as i64,
        maybe: (id % 3 > 0).then(|| text.clone()),
        // The same, not as text: and, cut off, what is no text at all.
        bytes: text.bytes().skip(id % 2).chain([0, 0xff]).take(id).collect(),
        json: Json(vec![text.clone(), String::new()]),
        text,
    };
    all.enumerate().map(row).collect()
}

async fn texts_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Texts]).await?;
    are_kept(&db, &values()).await
}

async fn large_values_are_kept(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Texts]).await?;
    let text = "'\\é\"".repeat(200_000);
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    let large = Texts { id: 1, maybe: Some(text.clone()), json: Json(vec![text.clone()]), text, bytes };
    are_kept(&db, &[Texts::default(), large]).await
}

async fn texts_are_found_as_they_are(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Texts]).await?;
    let values = values();
    db.engine.insert_many(values.clone()).await?;
    for value in &values {
        let same = Texts::TEXT.eq(&value.text) & Texts::BYTES.eq(&value.bytes) & Texts::ID.eq(value.id);
        assert!(db.engine.exists(Texts::select().filter(same)).await?, "{value:?}");
        let alike = values.iter().filter(|other| other.text.starts_with(&value.text)).count();
        let found = Texts::select().filter(Texts::TEXT.starts_with(&*value.text));
        assert_eq!(db.engine.count(found).await?, alike as u64, "{:?}", value.text);
    }
    Ok(())
}
