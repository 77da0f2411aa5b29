//! Rule 9: rows that refer to a key that the database does not assign follow it when it changes.

use anyorm::prelude::*;
use anyorm::{Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] =
    &behaviours![rows_that_nobody_loaded_follow, rows_of_the_session_follow, rows_follow_a_unique_column,];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "countries")]
struct Country {
    #[key]
    code: String,
    #[column(unique)]
    name: String,
    #[has_many(City::COUNTRY)]
    cities: HasMany<City>,
    #[many_to_many(through = "spoken")]
    languages: ManyToMany<Language>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cities")]
struct City {
    #[key]
    name: String,
    #[belongs_to]
    country: BelongsTo<Country>,
    #[column(references = Country::NAME)]
    ruled_by: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "languages")]
struct Language {
    #[key]
    code: String,
}

fn world() -> Schema {
    schema![Country, City, Language]
}

/// Siam with one city and one language.
async fn siam(db: &Database) -> Result<()> {
    db.engine.create_all(&world()).await?;
    let mut session = db.engine.session();
    let siam = session.add(Country { code: "si".into(), name: "Siam".into(), ..Country::default() });
    let language = session.add(Language { code: "tha".into() });
    session.link(siam, Country::LANGUAGES, language);
    session.add(City { name: "Bangkok".into(), country: siam.into(), ruled_by: Some("Siam".into()) });
    session.commit().await
}

/// Each city with its country's code and the name of who rules it.
async fn cities(db: &Database) -> Result<Vec<(String, String, Option<String>)>> {
    db.engine.all(City::select().columns((City::NAME, City::COUNTRY_ID, City::RULED_BY))).await
}

async fn spoken(db: &Database) -> Result<Vec<(String, String)>> {
    db.engine.all(sql("SELECT country_id, language_id FROM spoken").returning::<(String, String)>()).await
}

fn row(code: &str, ruler: &str) -> (String, String, Option<String>) {
    ("Bangkok".into(), code.into(), Some(ruler.into()))
}

async fn rows_that_nobody_loaded_follow(db: Database) -> Result<()> {
    siam(&db).await?;
    let mut session = db.engine.session();
    let country = session.get_one::<Country>("si").await?;
    let language = session.get_one::<Language>("tha").await?;
    session[country].code = "th".into();
    session[language].code = "th".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "UPDATE countries SET code = ? WHERE code = ? x1",
            "UPDATE languages SET code = ? WHERE code = ? x1"
        ]
    );
    assert_eq!(cities(&db).await?, [row("th", "Siam")]);
    assert_eq!(spoken(&db).await?, [("th".to_owned(), "th".to_owned())]);
    Ok(())
}

async fn rows_of_the_session_follow(db: Database) -> Result<()> {
    siam(&db).await?;
    let mut session = db.engine.session();
    let country = session.get_one::<Country>("si").await?;
    session.load(&[country], Country::CITIES).await?;
    session.load(&[country], Country::LANGUAGES).await?;
    let city = session.get_one::<City>("Bangkok").await?;
    session[country].code = "th".into();
    session.commit().await?;
    assert_eq!(cities(&db).await?, [row("th", "Siam")]);
    assert_eq!(spoken(&db).await?, [("th".to_owned(), "tha".to_owned())]);
    // Memory says what the database says.
    assert_eq!(session[city].country.key().map(String::as_str), Some("th"));
    // What the session writes next neither takes the key back nor writes it again.
    assert!(!session.is_dirty());
    session[city].ruled_by = None;
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE cities SET ruled_by = ? WHERE name = ? x1"]);
    session.refresh(city).await?;
    assert_eq!(session[city].country.key().map(String::as_str), Some("th"));
    Ok(())
}

async fn rows_follow_a_unique_column(db: Database) -> Result<()> {
    siam(&db).await?;
    let mut session = db.engine.session();
    let country = session.get_one::<Country>("si").await?;
    session[country].name = "Thailand".into();
    session.commit().await?;
    assert_eq!(cities(&db).await?, [row("si", "Thailand")]);
    Ok(())
}
