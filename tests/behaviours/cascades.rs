//! Deletes that go through circles of rows and through tables of pairs.

use anyorm::prelude::*;
use anyorm::{Result, Trusted};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    c1_a_person_with_a_favourite_among_their_balls,
    c2_balls_that_need_no_owner,
    m1_an_empty_list_removes_the_pairs,
    m1_pairs_with_a_column_of_their_own,
    o8_a_removed_member_goes_with_its_own_members,
    o8_members_of_a_deleted_parent_go,
    o8_a_second_parent_is_an_error,
    o8_a_member_given_on_is_kept,
    o8_a_removal_from_the_other_side,
    o8_a_new_member_that_leaves_again_is_never_stored,
    o8_rollback_and_recover,
    has_many_and_pairs_in_one_flush,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "people")]
struct Person {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    favourite: BelongsTo<Option<Ball>>,
    #[has_many(Ball::OWNER, delete_orphan)]
    balls: HasMany<Ball>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "balls")]
struct Ball {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    owner: BelongsTo<Person>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "players")]
struct Player {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    favourite: BelongsTo<Option<Bat>>,
    #[has_many(Bat::OWNER, delete_orphan)]
    bats: HasMany<Bat>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "bats")]
struct Bat {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    owner: BelongsTo<Option<Player>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "albums")]
struct Album {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = "album_photos", delete_orphan)]
    photos: ManyToMany<Photo>,
    #[many_to_many(through = "album_words")]
    words: ManyToMany<Word>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "photos")]
struct Photo {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = "album_photos")]
    albums: ManyToMany<Album>,
    #[has_many(Stain::PHOTO, delete_orphan)]
    stains: HasMany<Stain>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "stains")]
struct Stain {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    photo: BelongsTo<Photo>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "words")]
struct Word {
    #[key(auto)]
    id: i64,
}

/// The pairs of albums and words, with a column that the pairs know nothing of.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "album_words")]
struct AlbumWord {
    #[key]
    #[column(references = Album::ID)]
    album_id: i64,
    #[key]
    #[column(references = Word::ID)]
    word_id: i64,
    #[column(default = 5)]
    weight: i64,
}

async fn keys(db: &Database, table: &str) -> Result<Vec<i64>> {
    db.engine.all(sql(Trusted(format!("SELECT id FROM {table} ORDER BY id"))).returning::<i64>()).await
}

async fn album_photos(db: &Database) -> Result<Vec<(i64, i64)>> {
    let query = sql("SELECT album_id, photo_id FROM album_photos ORDER BY album_id, photo_id");
    db.engine.all(query.returning::<(i64, i64)>()).await
}

/// Two albums: the first has photos 1 and 2, the second 3. Photo 1 has two stains.
async fn albums(db: &Database) -> Result<()> {
    db.engine.create_all(&schema![Album, Photo, Stain, Word, AlbumWord]).await?;
    elsewhere(db, "INSERT INTO albums VALUES (1), (2)").await?;
    elsewhere(db, "INSERT INTO photos VALUES (1), (2), (3)").await?;
    elsewhere(db, "INSERT INTO stains VALUES (1, 1), (2, 1)").await?;
    elsewhere(db, "INSERT INTO album_photos VALUES (1, 1), (1, 2), (2, 3)").await?;
    db.engine.advance_keys(&schema![Album, Photo, Stain, Word, AlbumWord]).await
}

async fn album(session: &mut Session, id: i64) -> Result<(Handle<Album>, Vec<Handle<Photo>>)> {
    let album = session.one(Album::select().filter(Album::ID.eq(id)).with(Album::PHOTOS)).await?;
    let photos = session[album].photos.to_vec();
    Ok((album, photos))
}

async fn c1_a_person_with_a_favourite_among_their_balls(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Person, Ball]).await?;
    let mut session = db.engine.session();
    let person = session.add(Person { balls: vec![Ball::default(); 4].into(), ..Person::default() });
    let favourite = session[person].balls.get(2).expect("four");
    session[person].favourite = favourite.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO people (favourite_id) VALUES (?) x1",
            "INSERT INTO balls (owner_id) VALUES (?) x4",
            "UPDATE people SET favourite_id = ? WHERE id = ? x1",
        ]
    );
    let mut fresh = db.engine.session();
    let person = fresh.get_one::<Person>(1).await?;
    fresh.delete(person);
    fresh.commit().await?;
    assert_eq!((keys(&db, "people").await?, keys(&db, "balls").await?), (vec![], vec![]));
    Ok(())
}

async fn c2_balls_that_need_no_owner(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Player, Bat]).await?;
    let mut session = db.engine.session();
    let player = session.add(Player { bats: vec![Bat::default(); 4].into(), ..Player::default() });
    let favourite = session[player].bats.get(2).expect("four");
    session[player].favourite = favourite.into();
    session.commit().await?;
    let stored: Option<i64> = db.engine.scalar(Player::select().columns(Player::FAVOURITE_ID)).await?;
    assert_eq!(stored, Some(session[favourite].id));
    session.delete(player);
    session.commit().await?;
    assert_eq!((keys(&db, "players").await?, keys(&db, "bats").await?), (vec![], vec![]));
    Ok(())
}

async fn m1_an_empty_list_removes_the_pairs(db: Database) -> Result<()> {
    albums(&db).await?;
    elsewhere(&db, "INSERT INTO words VALUES (1), (2)").await?;
    elsewhere(&db, "INSERT INTO album_words VALUES (1, 1, 5), (1, 2, 9), (2, 1, 5)").await?;
    let mut session = db.engine.session();
    let album = session.one(Album::select().filter(Album::ID.eq(1)).with(Album::WORDS)).await?;
    session[album].words = ManyToMany::from(Vec::<Handle<Word>>::new());
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM album_words WHERE album_id = ? AND word_id = ? x2"]);
    assert_eq!(keys(&db, "words").await?, [1, 2], "the words stay");
    assert_eq!(db.engine.count(AlbumWord::select()).await?, 1);
    Ok(())
}

async fn m1_pairs_with_a_column_of_their_own(db: Database) -> Result<()> {
    albums(&db).await?;
    elsewhere(&db, "INSERT INTO words VALUES (1), (2)").await?;
    let mut session = db.engine.session();
    let album = session.get_one::<Album>(1).await?;
    let word = session.get_one::<Word>(2).await?;
    session[album].words.push(word);
    session.commit().await?;
    let pairs = db.engine.all(AlbumWord::select()).await?;
    assert_eq!(pairs, [AlbumWord { album_id: 1, word_id: 2, weight: 5 }], "the column has its default");
    session[album].words.clear();
    session.commit().await?;
    assert_eq!(db.engine.count(AlbumWord::select()).await?, 0);
    Ok(())
}

async fn o8_a_removed_member_goes_with_its_own_members(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let (album, photos) = album(&mut session, 1).await?;
    session[album].photos.remove(photos[0]);
    session.commit().await?;
    assert_eq!(album_photos(&db).await?, [(1, 2), (2, 3)]);
    assert_eq!((keys(&db, "photos").await?, keys(&db, "stains").await?), (vec![2, 3], vec![]));
    assert!(session.peek(photos[0]).is_none());
    Ok(())
}

async fn o8_members_of_a_deleted_parent_go(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let album = session.get_one::<Album>(1).await?;
    session.delete(album);
    session.commit().await?;
    assert_eq!(album_photos(&db).await?, [(2, 3)]);
    assert_eq!((keys(&db, "photos").await?, keys(&db, "stains").await?), (vec![3], vec![]));
    Ok(())
}

async fn o8_a_second_parent_is_an_error(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let (_, photos) = album(&mut session, 1).await?;
    let (second, _) = album(&mut session, 2).await?;
    session[second].photos.push(photos[0]);
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("Photo 1") && error.contains("Album 2") && error.contains("Album 1"), "{error}");
    session.rollback().await?;
    let new = session.add(Photo::default());
    let third = session.add(Album { photos: vec![new].into(), ..Album::default() });
    session[second].photos.push(new);
    let error = session.changes().unwrap_err().to_string();
    assert!(error.contains("`photos`") && error.contains("new Album"), "{error}");
    session[third].photos.clear();
    session.commit().await?;
    assert_eq!(album_photos(&db).await?, [(1, 1), (1, 2), (2, 3), (2, 4)]);
    Ok(())
}

async fn o8_a_member_given_on_is_kept(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let (first, photos) = album(&mut session, 1).await?;
    let second = session.get_one::<Album>(2).await?;
    session[first].photos.remove(photos[0]);
    session[second].photos.push(photos[0]);
    session.commit().await?;
    assert_eq!(album_photos(&db).await?, [(1, 2), (2, 1), (2, 3)]);
    session.delete(first);
    let (second, photos) = album(&mut session, 2).await?;
    assert_eq!(photos.len(), 2);
    session.commit().await?;
    assert_eq!(keys(&db, "photos").await?, [1, 3]);
    assert_eq!(session[second].photos.len(), 2);
    Ok(())
}

async fn o8_a_removal_from_the_other_side(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let (album, photos) = album(&mut session, 1).await?;
    session[photos[1]].albums.remove(album);
    session.commit().await?;
    assert_eq!(keys(&db, "photos").await?, [1, 3]);
    assert_eq!(session[album].photos.loaded(), Some(&photos[..1]));
    Ok(())
}

async fn o8_a_new_member_that_leaves_again_is_never_stored(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let (album, _) = album(&mut session, 1).await?;
    let new = session.add(Photo { stains: vec![Stain::default()].into(), ..Photo::default() });
    session[album].photos.push(new);
    session.changes()?;
    session[album].photos.pop();
    session.commit().await?;
    assert_eq!((keys(&db, "photos").await?, keys(&db, "stains").await?), (vec![1, 2, 3], vec![1, 2]));
    assert!(session.peek(new).is_none());
    Ok(())
}

async fn o8_rollback_and_recover(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let (album, photos) = album(&mut session, 1).await?;
    session[album].photos.clear();
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[album].photos.loaded(), Some(&photos[..]));
    session[album].photos.clear();
    session.flush().await?;
    session.add(Album { id: 2, ..Album::default() });
    session.flush().await.unwrap_err();
    session.recover().await?;
    session[album].photos.push(photos[0]);
    session.rollback().await?;
    assert_eq!(session[album].photos.loaded(), Some(&photos[..]));
    session.commit().await?;
    assert_eq!(keys(&db, "photos").await?, [1, 2, 3]);
    Ok(())
}

async fn has_many_and_pairs_in_one_flush(db: Database) -> Result<()> {
    albums(&db).await?;
    let mut session = db.engine.session();
    let albums = session.all(Album::select().order_by(Album::ID)).await?;
    let photo = session.get_one::<Photo>(1).await?;
    session.load(&[photo], Photo::STAINS).await?;
    session[photo].stains.remove_at(0);
    session.delete(albums[1]);
    session.commit().await?;
    assert_eq!((keys(&db, "photos").await?, keys(&db, "stains").await?), (vec![1, 2], vec![2]));
    Ok(())
}
