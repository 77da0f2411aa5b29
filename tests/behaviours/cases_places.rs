//! Ordered collections, as a user of a list would try them: places in memory and in the database.

use anyorm::prelude::*;
use anyorm::{Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, keys_of, sent, settled};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_whole_list_assigned_is_numbered_anew,
    a_list_sliced_into_itself_keeps_its_places,
    a_member_deleted_by_the_session_closes_the_gap,
    a_member_that_leaves_by_its_own_link_closes_the_gap,
    places_with_gaps_are_left_alone_by_other_changes,
    places_with_gaps_are_closed_by_the_next_change_of_the_list,
    a_member_linked_comes_last,
    a_member_moved_by_its_own_link_comes_last_and_closes_the_gap,
    a_savepoint_gives_the_order_back,
    recover_keeps_the_new_order,
    an_order_changed_over_two_flushes,
    a_place_written_by_hand_is_overruled_when_the_list_changes,
    a_tree_with_ordered_branches,
    new_values_pushed_between_moves_are_numbered_by_where_they_stand,
    what_is_sorted_already_writes_nothing,
    a_list_emptied_and_filled_again,
    a_member_inserted_again_moves,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "slides")]
struct Slide {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Bullet::SLIDE, delete_orphan, position = Bullet::PLACE)]
    bullets: HasMany<Bullet>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "bullets")]
struct Bullet {
    #[key(auto)]
    id: i64,
    text: String,
    place: i64,
    #[belongs_to]
    slide: BelongsTo<Option<Slide>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "chapters")]
struct Chapter {
    #[key(auto)]
    id: i64,
    place: i32,
    #[belongs_to]
    parent: BelongsTo<Option<Chapter>>,
    #[has_many(Chapter::PARENT, position = Chapter::PLACE)]
    parts: HasMany<Chapter>,
}

fn all() -> Schema {
    schema![Slide, Bullet, Chapter]
}

fn bullet(text: &str) -> Bullet {
    Bullet { text: text.into(), ..Bullet::default() }
}

/// Two slides: the first with a, b and c, the second with d.
async fn stored(db: &Database) -> Result<(Session, Handle<Slide>, Handle<Slide>)> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO slides VALUES (1, 'one'), (2, 'two')").await?;
    let rows = "(1, 'a', 0, 1), (2, 'b', 1, 1), (3, 'c', 2, 1), (4, 'd', 0, 2)";
    elsewhere(db, &format!("INSERT INTO bullets VALUES {rows}")).await?;
    db.engine.advance_keys(&all()).await?;
    let mut session = db.engine.session();
    let slides = session.all(Slide::select().order_by(Slide::ID).with(Slide::BULLETS)).await?;
    db.log.clear();
    Ok((session, slides[0], slides[1]))
}

/// The texts of a slide in their order, which is the one in memory and in the database, with places from 0.
async fn order(db: &Database, session: &mut Session, slide: Handle<Slide>) -> Result<String> {
    let here: String = session[slide].bullets.iter().map(|&bullet| session[bullet].text.as_str()).collect();
    for (place, &bullet) in session[slide].bullets.iter().enumerate() {
        assert_eq!(session[bullet].place, place as i64, "of {}", session[bullet].text);
    }
    let stored = Bullet::select().filter(Bullet::SLIDE_ID.eq(session[slide].id)).order_by(Bullet::PLACE);
    let rows = db.engine.all(stored.columns((Bullet::TEXT, Bullet::PLACE))).await?;
    let there: String = rows.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(here, there);
    let places: Vec<i64> = rows.into_iter().map(|(_, place)| place).collect();
    assert_eq!(places, (0..places.len() as i64).collect::<Vec<_>>());
    Ok(here)
}

async fn a_whole_list_assigned_is_numbered_anew(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let old = session[one].bullets.to_vec();
    let new = session.add(bullet("n"));
    session[one].bullets = vec![old[2], new, old[0]].into();
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "cna");
    assert_eq!(keys_of(&db, "bullets").await?, [1, 3, 4, 5], "b was an orphan");
    settled(&db, &mut session).await
}

async fn a_list_sliced_into_itself_keeps_its_places(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let old = session[one].bullets.to_vec();
    session[one].bullets = old.clone().into();
    settled(&db, &mut session).await?;
    session[one].bullets = old[..2].to_vec().into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM bullets WHERE id = ? x1"], "the last one; no place changed");
    assert_eq!(order(&db, &mut session, one).await?, "ab");
    settled(&db, &mut session).await
}

async fn a_member_deleted_by_the_session_closes_the_gap(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let first = session[one].bullets.first().expect("three");
    session[one].bullets.remove(first);
    session.delete(first);
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "bc");
    settled(&db, &mut session).await
}

async fn a_member_that_leaves_by_its_own_link_closes_the_gap(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let second = session[one].bullets.get(1).expect("three");
    session[second].slide = None.into();
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "ac");
    assert!(session.peek(second).is_none(), "an orphan");
    settled(&db, &mut session).await
}

async fn places_with_gaps_are_left_alone_by_other_changes(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(&db, "UPDATE bullets SET place = place * 10 + 5").await?;
    let mut session = db.engine.session();
    let one = session.one(Slide::select().filter(Slide::ID.eq(1)).with(Slide::BULLETS)).await?;
    let first = session[one].bullets.first().expect("three");
    session[one].name = "changed".into();
    session[first].text = "A".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        ["UPDATE slides SET name = ? WHERE id = ? x1", "UPDATE bullets SET text = ? WHERE id = ? x1"]
    );
    settled(&db, &mut session).await
}

async fn places_with_gaps_are_closed_by_the_next_change_of_the_list(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(&db, "UPDATE bullets SET place = place * 10 + 5").await?;
    let mut session = db.engine.session();
    let one = session.one(Slide::select().filter(Slide::ID.eq(1)).with(Slide::BULLETS)).await?;
    session[one].bullets.push(bullet("n"));
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "abcn");
    settled(&db, &mut session).await
}

async fn a_member_linked_comes_last(db: Database) -> Result<()> {
    let (mut session, one, two) = stored(&db).await?;
    let first = session[one].bullets.first().expect("three");
    session.link(two, Slide::BULLETS, first);
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "bc");
    assert_eq!(order(&db, &mut session, two).await?, "da");
    settled(&db, &mut session).await
}

async fn a_member_moved_by_its_own_link_comes_last_and_closes_the_gap(db: Database) -> Result<()> {
    let (mut session, one, two) = stored(&db).await?;
    let first = session[one].bullets.first().expect("three");
    session[first].slide = two.into();
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "bc");
    assert_eq!(order(&db, &mut session, two).await?, "da");
    settled(&db, &mut session).await
}

async fn a_savepoint_gives_the_order_back(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    session[one].bullets.swap(0, 2);
    let mut inner = session.begin_nested().await?;
    inner[one].bullets.remove_at(0);
    inner[one].bullets.push(bullet("n"));
    inner.flush().await?;
    inner.rollback().await?;
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "cba");
    settled(&db, &mut session).await
}

async fn recover_keeps_the_new_order(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    session[one].bullets.reverse();
    session[one].bullets.push(bullet("n"));
    session.flush().await?;
    session.recover().await?;
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "cban");
    settled(&db, &mut session).await
}

async fn an_order_changed_over_two_flushes(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    session[one].bullets.swap(0, 1);
    session.flush().await?;
    session[one].bullets.swap(1, 2);
    session[one].bullets.pop();
    session.flush().await?;
    session[one].bullets.push(bullet("n"));
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "bcn");
    settled(&db, &mut session).await
}

async fn a_place_written_by_hand_is_overruled_when_the_list_changes(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let first = session[one].bullets.first().expect("three");
    session[first].place = 70;
    session[one].bullets.swap(1, 2);
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "acb");
    settled(&db, &mut session).await
}

async fn a_tree_with_ordered_branches(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let root = session
        .add(Chapter { parts: vec![Chapter::default(), Chapter::default()].into(), ..Chapter::default() });
    let parts = session[root].parts.to_vec();
    session[parts[1]].parts = vec![Chapter::default(), Chapter::default()].into();
    session.commit().await?;
    let last = session[parts[1]].parts.pop().expect("two");
    session[root].parts.insert(0, last);
    session.commit().await?;
    let places = [last, parts[0], parts[1]].map(|chapter| session[chapter].place);
    assert_eq!(places, [0, 1, 2]);
    let mut other = db.engine.session();
    let root = other.one(Chapter::select().filter(Chapter::PARENT_ID.is_null()).with(Chapter::PARTS)).await?;
    let ids: Vec<i64> = other[root].parts.iter().map(|&part| other[part].id).collect();
    assert_eq!(ids, [session[last].id, session[parts[0]].id, session[parts[1]].id]);
    settled(&db, &mut session).await
}

async fn new_values_pushed_between_moves_are_numbered_by_where_they_stand(db: Database) -> Result<()> {
    let (mut session, one, two) = stored(&db).await?;
    let x = session.add(bullet("x"));
    let y = session.add(bullet("y"));
    session[one].bullets.insert(1, x);
    session[one].bullets.insert(0, y);
    let d = session[two].bullets.remove_at(0);
    session[one].bullets.insert(2, d);
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "yadxbc");
    assert_eq!(order(&db, &mut session, two).await?, "");
    settled(&db, &mut session).await
}

async fn what_is_sorted_already_writes_nothing(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let texts: Vec<_> = session[one].bullets.iter().map(|&at| (at, session[at].text.clone())).collect();
    session[one]
        .bullets
        .sort_by_key(|&at| texts.iter().find(|(known, _)| *known == at).map(|known| &*known.1));
    session[one].bullets.reverse();
    session[one].bullets.reverse();
    settled(&db, &mut session).await
}

async fn a_list_emptied_and_filled_again(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let old = session[one].bullets.to_vec();
    session[one].bullets.clear();
    session[one].bullets.push(bullet("n"));
    for &member in old.iter().rev() {
        session[one].bullets.push(member);
    }
    session.changes()?;
    session.commit().await?;
    let order = order(&db, &mut session, one).await?;
    assert!(["ncba", "cban"].contains(&&*order), "{order}");
    assert_eq!(keys_of(&db, "bullets").await?, [1, 2, 3, 4, 5]);
    settled(&db, &mut session).await
}

async fn a_member_inserted_again_moves(db: Database) -> Result<()> {
    let (mut session, one, _) = stored(&db).await?;
    let first = session[one].bullets.first().expect("three");
    session[one].bullets.insert(2, first);
    assert_eq!(session[one].bullets.index_of(first), Some(2));
    session.commit().await?;
    assert_eq!(order(&db, &mut session, one).await?, "bca");
    settled(&db, &mut session).await
}
