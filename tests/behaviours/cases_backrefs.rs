//! The two sides of a relation while members move: what each side shows, and what is stored.

use anyorm::prelude::*;
use anyorm::{Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, links, pairs, sent, settled};
use anyorm_tests::{Post, Tag, blog};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_move_between_loaded_collections_without_a_removal_is_one_update,
    a_move_between_collections_that_were_never_loaded,
    a_move_where_only_the_new_parent_is_loaded,
    a_move_where_only_the_old_parent_is_loaded,
    there_and_back_again_before_the_flush_is_no_change,
    there_and_back_again_over_two_flushes,
    a_new_member_moves_before_it_was_stored,
    a_link_emptied_and_given_again_is_no_change,
    a_link_emptied_and_a_push_to_another_parent_agree,
    a_whole_list_of_another_parent_takes_the_members_over,
    two_parents_exchange_their_lists,
    a_profile_moves_to_another_owner_and_leaves_the_first,
    a_profile_moved_by_its_own_link_leaves_a_loaded_owner,
    a_profile_that_is_displaced_twice,
    a_profile_cleared_on_one_side_and_emptied_on_the_other,
    a_pair_added_and_removed_from_both_sides_is_no_change,
    a_pair_removed_and_pushed_again_is_no_change,
    a_tag_moves_from_one_post_to_another,
    link_twice_to_two_parents_is_the_last_one,
    unlink_of_what_was_linked_before_the_flush_is_no_change,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "owners")]
struct Owner {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Pet::OWNER)]
    pets: HasMany<Pet>,
    #[has_one(Card::OWNER)]
    card: HasOne<Card>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pets")]
struct Pet {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    owner: BelongsTo<Option<Owner>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cards")]
struct Card {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    owner: BelongsTo<Option<Owner>>,
}

fn all() -> Schema {
    schema![Owner, Pet, Card]
}

/// Three owners; the first has pets 1 and 2, the second pet 3; cards 1 and 2 are theirs, card 3 is nobody's.
async fn stored(db: &Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO owners VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cy')").await?;
    elsewhere(db, "INSERT INTO pets VALUES (1, 1), (2, 1), (3, 2)").await?;
    elsewhere(db, "INSERT INTO cards VALUES (1, 1), (2, 2), (3, NULL)").await?;
    db.engine.advance_keys(&all()).await?;
    db.log.clear();
    Ok(())
}

/// The owners with all that they have.
async fn loaded(session: &mut Session) -> Result<[Handle<Owner>; 3]> {
    let query = Owner::select().order_by(Owner::ID).with(Owner::PETS).with(Owner::CARD);
    Ok(session.all(query).await?.try_into().expect("three"))
}

async fn owners(db: &Database) -> Result<Vec<(i64, Option<i64>)>> {
    links(db, "pets", "owner_id").await
}

async fn cards(db: &Database) -> Result<Vec<(i64, Option<i64>)>> {
    links(db, "cards", "owner_id").await
}

const UPDATE: &str = "UPDATE pets SET owner_id = ? WHERE id = ? x1";

async fn a_move_between_loaded_collections_without_a_removal_is_one_update(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, _] = loaded(&mut session).await?;
    let pet = session[ada].pets.first().expect("two");
    session[bob].pets.push(pet);
    assert!(session[ada].pets.contains(pet), "until the flush");
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), [UPDATE]);
    assert!(!session[ada].pets.contains(pet) && session[bob].pets.contains(pet));
    assert_eq!(session[pet].owner.handle(), Some(bob));
    assert_eq!(owners(&db).await?, [(1, Some(2)), (2, Some(1)), (3, Some(2))]);
    settled(&db, &mut session).await
}

async fn a_move_between_collections_that_were_never_loaded(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.get_one::<Owner>(1).await?, session.get_one::<Owner>(2).await?);
    let pet = session.get_one::<Pet>(1).await?;
    session[ada].pets.remove(pet);
    session[bob].pets.push(pet);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), [UPDATE], "nothing is read");
    assert!(!session[ada].pets.is_loaded() && !session[bob].pets.is_loaded());
    session.load(&[ada, bob], Owner::PETS).await?;
    assert_eq!((session[ada].pets.len(), session[bob].pets.len()), (1, 2));
    settled(&db, &mut session).await
}

async fn a_move_where_only_the_new_parent_is_loaded(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<Owner>(1).await?;
    let bob = session.one(Owner::select().filter(Owner::ID.eq(2)).with(Owner::PETS)).await?;
    let pet = session.get_one::<Pet>(1).await?;
    session[bob].pets.push(pet);
    session.commit().await?;
    session.load(&[ada], Owner::PETS).await?;
    assert!(!session[ada].pets.contains(pet) && session[bob].pets.contains(pet));
    assert_eq!(owners(&db).await?[0], (1, Some(2)));
    settled(&db, &mut session).await
}

async fn a_move_where_only_the_old_parent_is_loaded(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let bob = session.get_one::<Owner>(2).await?;
    let ada = session.one(Owner::select().filter(Owner::ID.eq(1)).with(Owner::PETS)).await?;
    let pet = session[ada].pets.first().expect("two");
    session[bob].pets.push(pet);
    session.commit().await?;
    assert!(!session[ada].pets.contains(pet));
    assert!(!session[bob].pets.is_loaded());
    session.load(&[bob], Owner::PETS).await?;
    assert_eq!(session[bob].pets.len(), 2);
    settled(&db, &mut session).await
}

async fn there_and_back_again_before_the_flush_is_no_change(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, _] = loaded(&mut session).await?;
    let pet = session[ada].pets.first().expect("two");
    session.link(pet, Pet::OWNER, bob);
    session.link(pet, Pet::OWNER, ada);
    session[bob].pets.push(pet);
    session[bob].pets.remove(pet);
    settled(&db, &mut session).await?;
    assert!(session[ada].pets.contains(pet));
    assert_eq!(session[bob].pets.len(), 1);
    Ok(())
}

async fn there_and_back_again_over_two_flushes(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, cy] = loaded(&mut session).await?;
    let pet = session[ada].pets.first().expect("two");
    session[bob].pets.push(pet);
    session.flush().await?;
    session[pet].owner = cy.into();
    session.flush().await?;
    assert_eq!((session[bob].pets.len(), session[cy].pets.len()), (1, 1));
    session[ada].pets.push(pet);
    session.commit().await?;
    assert_eq!((session[ada].pets.len(), session[cy].pets.len()), (2, 0));
    assert_eq!(owners(&db).await?[0], (1, Some(1)));
    settled(&db, &mut session).await
}

async fn a_new_member_moves_before_it_was_stored(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, _] = loaded(&mut session).await?;
    let pet = session.add(Pet { owner: ada.into(), ..Pet::default() });
    session.changes()?;
    session.link(bob, Owner::PETS, pet);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["INSERT INTO pets (owner_id) VALUES (?) x1"]);
    assert!(!session[ada].pets.contains(pet) && session[bob].pets.contains(pet));
    assert_eq!(owners(&db).await?[3], (4, Some(2)));
    settled(&db, &mut session).await
}

async fn a_link_emptied_and_given_again_is_no_change(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, ..] = loaded(&mut session).await?;
    let pet = session[ada].pets.first().expect("two");
    session[pet].owner = None.into();
    assert_eq!(session.changes()?.to_string(), "update Pet 1: owner_id");
    session[pet].owner = ada.into();
    settled(&db, &mut session).await?;
    assert!(session[ada].pets.contains(pet));
    Ok(())
}

async fn a_link_emptied_and_a_push_to_another_parent_agree(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, _] = loaded(&mut session).await?;
    let pet = session[ada].pets.first().expect("two");
    session.unlink(pet, Pet::OWNER, ada);
    session.link(bob, Owner::PETS, pet);
    session.commit().await?;
    assert_eq!(owners(&db).await?[0], (1, Some(2)));
    settled(&db, &mut session).await
}

/// A list is a value: assigned to another parent, its members are that one's from then on.
async fn a_whole_list_of_another_parent_takes_the_members_over(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, _] = loaded(&mut session).await?;
    let pets = session[ada].pets.to_vec();
    session[bob].pets = pets.clone().into();
    session.commit().await?;
    assert_eq!(owners(&db).await?, [(1, Some(2)), (2, Some(2)), (3, None)]);
    assert!(session[ada].pets.is_empty());
    assert_eq!(session[bob].pets.loaded(), Some(&pets[..]));
    settled(&db, &mut session).await
}

async fn two_parents_exchange_their_lists(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, _] = loaded(&mut session).await?;
    let (hers, his) = (session[ada].pets.to_vec(), session[bob].pets.to_vec());
    session[ada].pets = his.clone().into();
    session[bob].pets = hers.clone().into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE pets SET owner_id = ? WHERE id = ? x3"]);
    assert_eq!(owners(&db).await?, [(1, Some(2)), (2, Some(2)), (3, Some(1))]);
    assert_eq!(session[ada].pets.loaded(), Some(&his[..]));
    assert_eq!(session[hers[0]].owner.handle(), Some(bob));
    settled(&db, &mut session).await
}

async fn a_profile_moves_to_another_owner_and_leaves_the_first(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, cy] = loaded(&mut session).await?;
    let card = session[ada].card.handle().expect("hers");
    session[cy].card = card.into();
    session.commit().await?;
    assert_eq!(session[ada].card.handle(), None);
    assert_eq!(session[card].owner.handle(), Some(cy));
    assert!(session[bob].card.handle().is_some());
    assert_eq!(cards(&db).await?, [(1, Some(3)), (2, Some(2)), (3, None)]);
    settled(&db, &mut session).await
}

async fn a_profile_moved_by_its_own_link_leaves_a_loaded_owner(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, _, cy] = loaded(&mut session).await?;
    let card = session[ada].card.handle().expect("hers");
    session[card].owner = BelongsTo::to_key(3);
    session.commit().await?;
    assert_eq!((session[ada].card.handle(), session[cy].card.handle()), (None, Some(card)));
    settled(&db, &mut session).await
}

async fn a_profile_that_is_displaced_twice(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, _, _] = loaded(&mut session).await?;
    let old = session[ada].card.handle().expect("hers");
    let never = session.add(Card::default());
    session[ada].card = never.into();
    let spare = session.get_one::<Card>(3).await?;
    session[ada].card = spare.into();
    session.commit().await?;
    assert_eq!(cards(&db).await?, [(1, None), (2, Some(2)), (3, Some(1)), (4, None)]);
    assert!(session[old].owner.is_empty() && session[never].owner.is_empty());
    settled(&db, &mut session).await
}

async fn a_profile_cleared_on_one_side_and_emptied_on_the_other(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, _, _] = loaded(&mut session).await?;
    let card = session[ada].card.handle().expect("hers");
    session[ada].card.clear();
    session[card].owner = None.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE cards SET owner_id = ? WHERE id = ? x1"]);
    settled(&db, &mut session).await
}

/// A post with the first of two tags, and one without.
async fn tagged(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO users VALUES (1, 'a', 'Ada', NULL)").await?;
    elsewhere(db, "INSERT INTO posts VALUES (1, 'x', 1, 1), (2, 'y', 1, 1)").await?;
    elsewhere(db, "INSERT INTO tags VALUES (1, 'red'), (2, 'blue')").await?;
    elsewhere(db, "INSERT INTO post_tags VALUES (1, 1)").await?;
    db.log.clear();
    Ok(db.engine.session())
}

async fn a_pair_added_and_removed_from_both_sides_is_no_change(db: Database) -> Result<()> {
    let mut session = tagged(&db).await?;
    let post = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    let blue = session.one(Tag::select().filter(Tag::ID.eq(2)).with(Tag::POSTS)).await?;
    session[post].tags.push(blue);
    session[blue].posts.push(post);
    session[post].tags.remove(blue);
    session[blue].posts.remove(post);
    settled(&db, &mut session).await?;
    assert_eq!(pairs(&db).await?, [(1, 1)]);
    Ok(())
}

async fn a_pair_removed_and_pushed_again_is_no_change(db: Database) -> Result<()> {
    let mut session = tagged(&db).await?;
    let post = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    let red = session.get_one::<Tag>(1).await?;
    session[post].tags.remove(red);
    assert_eq!(session.changes()?.to_string(), "unlink Post 1: tags Tag 1");
    session[post].tags.push(red);
    settled(&db, &mut session).await?;
    assert_eq!(pairs(&db).await?, [(1, 1)]);
    Ok(())
}

async fn a_tag_moves_from_one_post_to_another(db: Database) -> Result<()> {
    let mut session = tagged(&db).await?;
    let posts = session.all(Post::select().order_by(Post::ID).with(Post::TAGS)).await?;
    let red = session.one(Tag::select().filter(Tag::ID.eq(1)).with(Tag::POSTS)).await?;
    session[red].posts = vec![posts[1]].into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "DELETE FROM post_tags WHERE tag_id = ? AND post_id = ? x1",
            "INSERT INTO post_tags (tag_id, post_id) VALUES (?, ?) ON CONFLICT DO NOTHING x1"
        ]
    );
    assert!(session[posts[0]].tags.is_empty());
    assert_eq!(session[posts[1]].tags.loaded(), Some(&[red][..]));
    assert_eq!(pairs(&db).await?, [(2, 1)]);
    settled(&db, &mut session).await
}

async fn link_twice_to_two_parents_is_the_last_one(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let [ada, bob, cy] = loaded(&mut session).await?;
    let pet = session[ada].pets.first().expect("two");
    session.link(bob, Owner::PETS, pet);
    session.link(cy, Owner::PETS, pet);
    assert!(!session[ada].pets.contains(pet) && !session[bob].pets.contains(pet));
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), [UPDATE]);
    assert_eq!(owners(&db).await?[0], (1, Some(3)));
    settled(&db, &mut session).await
}

async fn unlink_of_what_was_linked_before_the_flush_is_no_change(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(&db, "INSERT INTO pets VALUES (4, NULL)").await?;
    let mut session = db.engine.session();
    let (unread, bob) = (session.get_one::<Owner>(1).await?, session.get_one::<Owner>(2).await?);
    session.load(&[bob], Owner::PETS).await?;
    let pet = session.get_one::<Pet>(4).await?;
    for owner in [unread, bob] {
        session.link(pet, Pet::OWNER, owner);
        session.unlink(owner, Owner::PETS, pet);
    }
    settled(&db, &mut session).await?;
    assert_eq!(owners(&db).await?[3], (4, None));
    Ok(())
}
