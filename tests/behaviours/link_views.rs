//! A table of links seen twice: as pairs of a many-to-many relation, and as an entity with columns of its own.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    the_table_is_created_once_with_all_its_columns,
    m1_a_pair_leaves_the_other_columns_to_their_defaults,
    m1_pairs_with_other_columns_are_removed,
    a_pair_that_is_taken_out_takes_its_entity_along,
    an_entity_that_is_added_shows_in_both_collections,
    an_entity_that_is_deleted_leaves_both_collections,
    an_entity_that_moves_shows_where_it_is,
    both_views_may_say_the_same,
    both_views_may_take_the_same_out,
    an_end_goes_with_pairs_and_entities,
    a_pair_that_leaves_a_column_unset_is_refused,
    pending_pairs_and_entities_are_flushed_before_a_read,
];

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "songs")]
struct Song {
    #[key(auto)]
    id: i64,
    title: String,
    #[many_to_many(through = Entry)]
    lists: ManyToMany<List>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "lists")]
struct List {
    #[key(auto)]
    id: i64,
    name: String,
    #[many_to_many(through = Entry)]
    songs: ManyToMany<Song>,
    #[has_many(Entry::LIST)]
    entries: HasMany<Entry>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "entries")]
struct Entry {
    #[key]
    #[belongs_to]
    list: BelongsTo<List>,
    #[key]
    #[belongs_to]
    song: BelongsTo<Song>,
    #[column(default = 7)]
    rank: i64,
    note: Option<String>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "readers")]
struct Reader {
    #[key]
    id: i64,
    #[many_to_many(through = "loans")]
    books: ManyToMany<Book>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "books")]
struct Book {
    #[key]
    id: i64,
}

/// With plain columns, and a column that nothing fills.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "loans")]
struct Loan {
    #[key]
    #[column(references = Reader::ID)]
    reader_id: i64,
    #[key]
    #[column(references = Book::ID)]
    book_id: i64,
    since: String,
}

fn music() -> Schema {
    schema![Song, List, Entry]
}

fn song(title: &str) -> Song {
    Song { title: title.into(), ..Song::default() }
}

/// List 1 with songs 1 and 2 by entries of ranks 1 and 2; song 3 in no list; list 2 is empty.
async fn evening(db: &Database) -> Result<()> {
    db.engine.create_all(&music()).await?;
    let mut session = db.engine.session();
    let list = session.add(List { name: "Evening".into(), ..List::default() });
    session.add(List { name: "Morning".into(), ..List::default() });
    for (at, title) in ["A", "B"].into_iter().enumerate() {
        let song = session.add(song(title));
        session.add(Entry { list: list.into(), song: song.into(), rank: at as i64 + 1, note: None });
    }
    session.add(song("C"));
    session.commit().await?;
    db.log.clear();
    Ok(())
}

async fn entries(db: &Database) -> Result<Vec<(i64, i64, i64)>> {
    let query = Entry::select().order_by((Entry::LIST_ID, Entry::SONG_ID));
    db.engine.all(query.columns((Entry::LIST_ID, Entry::SONG_ID, Entry::RANK))).await
}

async fn the_table_is_created_once_with_all_its_columns(db: Database) -> Result<()> {
    let sql = music().create(&anyorm::SQLITE)?;
    let tables: Vec<&String> =
        sql.iter().filter(|sql| sql.contains(r#"TABLE IF NOT EXISTS "entries""#)).collect();
    assert_eq!(tables.len(), 1);
    assert!(tables[0].contains(r#""rank" INTEGER NOT NULL DEFAULT 7"#), "{}", tables[0]);
    let error = schema![Song, List].check().unwrap_err().to_string();
    assert!(error.ends_with("add Entry to `schema![..]`"), "{error}");
    db.engine.create_all(&music()).await
}

async fn m1_a_pair_leaves_the_other_columns_to_their_defaults(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let (morning, three) = (session.get_one::<List>(2).await?, session.get_one::<Song>(3).await?);
    session[morning].songs.push(three);
    session.commit().await?;
    assert_eq!(entries(&db).await?, [(1, 1, 1), (1, 2, 2), (2, 3, 7)]);
    let entry = session.get_one::<Entry>((2, 3)).await?;
    assert_eq!((session[entry].rank, session[entry].note.clone()), (7, None));
    Ok(())
}

async fn m1_pairs_with_other_columns_are_removed(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let list = session.get_one::<List>(1).await?;
    session.load(&[list], List::SONGS).await?;
    session[list].songs = Default::default();
    assert_eq!(session[list].songs.loaded(), None);
    session[list].songs = Vec::<Handle<Song>>::new().into();
    session.commit().await?;
    assert!(entries(&db).await?.is_empty());
    assert_eq!(db.engine.count(Song::select()).await?, 3);
    Ok(())
}

async fn a_pair_that_is_taken_out_takes_its_entity_along(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let list = session.get_one::<List>(1).await?;
    session.load(&[list], List::SONGS).await?;
    session.load(&[list], List::ENTRIES).await?;
    let [first, second] = *session[list].entries.loaded().expect("loaded just now") else { panic!("two") };
    let one = session.get_one::<Song>(1).await?;
    session[first].note = Some("changed in vain".into());
    session[list].songs.remove(one);
    session.flush().await?;
    assert_eq!(session.get::<Entry>((1, 1)).await?, None);
    assert_eq!(session[list].entries.loaded(), Some(&[second][..]));
    session.rollback().await?;
    assert_eq!(session.get::<Entry>((1, 1)).await?, Some(first));
    assert_eq!(session[first].note, None);
    assert_eq!(session[list].songs.len(), 2);
    assert_eq!(session[list].entries.len(), 2);
    // From the other side, not loaded.
    session[one].lists.remove(list);
    session.commit().await?;
    assert!(session.peek(first).is_none());
    assert_eq!(entries(&db).await?, [(1, 2, 2)]);
    assert_eq!(session[list].songs.len(), 1);
    Ok(())
}

async fn an_entity_that_is_added_shows_in_both_collections(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let (list, three) = (session.get_one::<List>(2).await?, session.get_one::<Song>(3).await?);
    session.load(&[list], List::SONGS).await?;
    session.load(&[three], Song::LISTS).await?;
    session.add(Entry { list: list.into(), song: three.into(), rank: 1, note: None });
    let fourth = song("D");
    let entry = session.add(Entry { list: list.into(), song: fourth.into(), rank: 2, note: None });
    session.flush().await?;
    let fourth = session[entry].song.handle().expect("added with it");
    assert_eq!(session[list].songs.loaded(), Some(&[three, fourth][..]));
    assert_eq!(session[three].lists.loaded(), Some(&[list][..]));
    session.rollback().await?;
    assert_eq!(session[list].songs.loaded(), Some(&[][..]));
    assert_eq!(session[three].lists.loaded(), Some(&[][..]));
    session.commit().await?;
    assert_eq!(entries(&db).await?.len(), 2);
    Ok(())
}

async fn an_entity_that_is_deleted_leaves_both_collections(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let (list, one) = (session.get_one::<List>(1).await?, session.get_one::<Song>(1).await?);
    session.load(&[list], List::SONGS).await?;
    session.load(&[one], Song::LISTS).await?;
    let entry = session.get_one::<Entry>((1, 1)).await?;
    session.delete(entry);
    session.flush().await?;
    assert_eq!(session[list].songs.len(), 1);
    assert!(session[one].lists.is_empty());
    session.rollback().await?;
    assert_eq!(session[list].songs.len(), 2);
    assert_eq!(session[one].lists.loaded(), Some(&[list][..]));
    assert!(!session.is_dirty());
    Ok(())
}

async fn an_entity_that_moves_shows_where_it_is(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let lists = session.all(List::select().order_by(List::ID).with(List::SONGS)).await?;
    let [evening, morning] = *lists else { panic!("two lists") };
    let entry = session.get_one::<Entry>((1, 1)).await?;
    let one = session.get_one::<Song>(1).await?;
    session[entry].list = morning.into();
    session.commit().await?;
    assert_eq!(entries(&db).await?, [(1, 2, 2), (2, 1, 1)]);
    assert!(!session[evening].songs.iter().any(|&song| song == one));
    assert_eq!(session[morning].songs.loaded(), Some(&[one][..]));
    assert!(!session.is_dirty());
    Ok(())
}

async fn both_views_may_say_the_same(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let (list, three) = (session.get_one::<List>(2).await?, session.get_one::<Song>(3).await?);
    session.load(&[list], List::SONGS).await?;
    session[list].songs.push(three);
    session.add(Entry { list: list.into(), song: three.into(), rank: 3, note: None });
    session.commit().await?;
    assert_eq!(entries(&db).await?, [(1, 1, 1), (1, 2, 2), (2, 3, 3)]);
    assert_eq!(session[list].songs.loaded(), Some(&[three][..]));
    Ok(())
}

async fn both_views_may_take_the_same_out(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let (list, one, two) = (
        session.get_one::<List>(1).await?,
        session.get_one::<Song>(1).await?,
        session.get_one::<Song>(2).await?,
    );
    session.load(&[list], List::SONGS).await?;
    let (first, second) = (session.get_one::<Entry>((1, 1)).await?, session.get_one::<Entry>((1, 2)).await?);
    session[list].songs.remove(one);
    session.delete(first);
    // Led elsewhere, and taken out where it was.
    session[list].songs.remove(two);
    session[second].list = BelongsTo::to_key(2);
    session.commit().await?;
    assert_eq!(entries(&db).await?, [(2, 2, 2)]);
    assert_eq!(session.get::<Entry>((2, 2)).await?, Some(second));
    assert!(session[list].songs.is_empty());
    Ok(())
}

async fn an_end_goes_with_pairs_and_entities(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let list = session.get_one::<List>(1).await?;
    let (first, second) = (session.get_one::<Entry>((1, 1)).await?, session.get_one::<Entry>((1, 2)).await?);
    let one = session.get_one::<Song>(1).await?;
    session.load(&[one], Song::LISTS).await?;
    session.delete(first);
    session.delete(list);
    session.flush().await?;
    assert_eq!(session.get::<Entry>((1, 2)).await?, None);
    assert!(session[one].lists.is_empty());
    session.rollback().await?;
    assert_eq!(session.get::<Entry>((1, 2)).await?, Some(second));
    // Without saying anything of the entries.
    session.delete(list);
    session.commit().await?;
    assert!(session.peek(first).is_none() && session.peek(second).is_none());
    assert!(entries(&db).await?.is_empty());
    assert!(session[one].lists.is_empty());
    Ok(())
}

async fn a_pair_that_leaves_a_column_unset_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Reader, Book, Loan]).await?;
    let mut session = db.engine.session();
    let (reader, book) = (session.add(Reader { id: 1, ..Reader::default() }), session.add(Book { id: 2 }));
    session.commit().await?;
    session[reader].books.push(book);
    // Not known to the session yet: the database says it.
    let error = session.flush().await.unwrap_err().to_string();
    assert!(error.contains("loans.since"), "{error}");
    session.rollback().await?;
    let loan = session.add(Loan { reader_id: 1, book_id: 2, since: "today".into() });
    session.commit().await?;
    session.load(&[reader], Reader::BOOKS).await?;
    assert_eq!(session[reader].books.loaded(), Some(&[book][..]));
    let third = session.add(Book { id: 3 });
    session[reader].books.push(third);
    db.log.clear();
    let error = session.flush().await.unwrap_err();
    assert!(matches!(error, Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("add a Loan instead"), "{error}");
    assert!(sent(&db).is_empty());
    session.rollback().await?;
    // Pairs are taken out all the same.
    session[reader].books.remove(book);
    session.commit().await?;
    assert!(session.peek(loan).is_none());
    assert_eq!(db.engine.count(Loan::select()).await?, 0);
    Ok(())
}

async fn pending_pairs_and_entities_are_flushed_before_a_read(db: Database) -> Result<()> {
    evening(&db).await?;
    let mut session = db.engine.session();
    let (list, three) = (session.get_one::<List>(2).await?, session.get_one::<Song>(3).await?);
    session[list].songs.push(three);
    assert_eq!(session.count(Entry::select()).await?, 3);
    session.add(Entry { list: list.into(), song: BelongsTo::to_key(1), rank: 1, note: None });
    session.load(&[list], List::SONGS).await?;
    assert_eq!(session[list].songs.len(), 2);
    Ok(())
}
