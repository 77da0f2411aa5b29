//! Entities whose key is made of links: a link with columns of its own, one row for one other row, and rows below them.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    new_ends_and_their_link_are_one_flush,
    the_key_reaches_through_several_links,
    an_end_that_is_empty_is_named,
    two_new_links_of_one_pair_are_refused,
    a_link_is_changed_and_deleted_by_its_key,
    a_link_moves_to_another_end,
    a_link_moves_to_a_new_end,
    rollback_takes_a_new_link_back,
    rollback_moves_a_link_back,
    a_savepoint_moves_a_link_back,
    recover_links_again_under_new_keys,
    k1_a_link_deleted_and_added_again_is_one_row,
    a_link_goes_along_with_its_end,
    links_are_loaded_from_both_ends,
    one_row_for_one_other,
    a_link_is_detached_and_merged,
    g1_merge_of_a_link_with_an_end_not_set_reads_nothing,
    merge_takes_a_link_with_its_ends,
];

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "students")]
struct Student {
    #[key(auto)]
    id: i32,
    name: String,
    #[has_many(Enrolment::STUDENT)]
    enrolments: HasMany<Enrolment>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "courses")]
struct Course {
    #[key(auto)]
    id: i64,
    title: String,
    #[has_many(Enrolment::COURSE)]
    enrolments: HasMany<Enrolment>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "enrolments")]
struct Enrolment {
    #[key]
    #[belongs_to(on_delete = cascade)]
    student: BelongsTo<Student>,
    #[key]
    #[belongs_to]
    course: BelongsTo<Course>,
    grade: Option<i64>,
    #[has_many(Mark::ENROLMENT)]
    marks: HasMany<Mark>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "marks")]
struct Mark {
    #[key]
    #[belongs_to(columns("student_id", "course_id"), on_delete = cascade)]
    enrolment: BelongsTo<Enrolment>,
    #[key]
    number: i64,
    points: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "lockers")]
struct Locker {
    #[key]
    #[belongs_to(on_delete = cascade)]
    student: BelongsTo<Student>,
    code: String,
}

fn school() -> Schema {
    schema![Student, Course, Enrolment, Mark, Locker]
}

fn student(name: &str) -> Student {
    Student { name: name.into(), ..Student::default() }
}

fn course(title: &str) -> Course {
    Course { title: title.into(), ..Course::default() }
}

/// Ada (1) and Grace (2), Logic (1) and Music (2), and Ada's enrolment in Logic.
async fn term(db: &Database) -> Result<()> {
    db.engine.create_all(&school()).await?;
    let mut session = db.engine.session();
    let ada = session.add(student("Ada"));
    session.add(student("Grace"));
    let logic = session.add(course("Logic"));
    session.add(course("Music"));
    session.add(Enrolment {
        student: ada.into(),
        course: logic.into(),
        grade: Some(2),
        ..Enrolment::default()
    });
    session.commit().await?;
    db.log.clear();
    Ok(())
}

/// Student, course and grade of all enrolments.
async fn enrolments(db: &Database) -> Result<Vec<(i32, i64, Option<i64>)>> {
    let query = Enrolment::select().order_by((Enrolment::STUDENT_ID, Enrolment::COURSE_ID));
    db.engine.all(query.columns((Enrolment::STUDENT_ID, Enrolment::COURSE_ID, Enrolment::GRADE))).await
}

async fn new_ends_and_their_link_are_one_flush(db: Database) -> Result<()> {
    db.engine.create_all(&school()).await?;
    db.log.clear();
    let mut session = db.engine.session();
    let link = session.add(Enrolment {
        student: student("Ada").into(),
        course: course("Logic").into(),
        grade: Some(1),
        ..Enrolment::default()
    });
    assert_eq!(session[link].key(), None);
    let changes = session.changes()?.to_string();
    assert_eq!(
        changes,
        "insert Course (new): title\ninsert Student (new): name\ninsert Enrolment (new): student_id, course_id, grade"
    );
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO courses (title) VALUES (?) x1",
            "INSERT INTO students (name) VALUES (?) x1",
            "INSERT INTO enrolments (student_id, course_id, grade) VALUES (?, ?, ?) x1",
        ]
    );
    assert_eq!(session[link].key(), Some((1, 1)));
    db.log.clear();
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, Some(link));
    assert!(sent(&db).is_empty());
    assert_eq!(enrolments(&db).await?, [(1, 1, Some(1))]);
    Ok(())
}

async fn the_key_reaches_through_several_links(db: Database) -> Result<()> {
    db.engine.create_all(&school()).await?;
    let mut session = db.engine.session();
    session.add(student("Grace"));
    let enrolment =
        Enrolment { student: student("Ada").into(), course: course("Logic").into(), ..Enrolment::default() };
    let mark = session.add(Mark { enrolment: enrolment.into(), number: 7, points: 3 });
    session.commit().await?;
    assert_eq!(session[mark].key(), Some((2, 1, 7)));
    assert_eq!(session[mark].enrolment.key(), Some(&(2, 1)));
    assert_eq!(session.get::<Mark>((2, 1, 7)).await?, Some(mark));
    let rows: Vec<(i32, i64, i64)> =
        db.engine.all(Mark::select().columns((Mark::STUDENT_ID, Mark::COURSE_ID, Mark::NUMBER))).await?;
    assert_eq!(rows, [(2, 1, 7)]);
    // A second one, below what is stored now.
    let below = session[mark].enrolment.handle().expect("it was given");
    session.add(Mark { enrolment: below.into(), number: 8, points: 1 });
    session[mark].points = 5;
    session.commit().await?;
    assert_eq!(
        db.engine.count(Mark::select().filter(Mark::STUDENT_ID.eq(2) & Mark::COURSE_ID.eq(1))).await?,
        2
    );
    Ok(())
}

async fn an_end_that_is_empty_is_named(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    session.add(Enrolment { student: BelongsTo::to_key(1), ..Enrolment::default() });
    let error = session.flush().await.unwrap_err().to_string();
    assert!(error.contains("`course` is empty"), "{error}");
    assert!(error.contains("Enrolment"), "{error}");
    session.rollback().await?;

    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session[link].course = BelongsTo::default();
    let error = session.flush().await.unwrap_err().to_string();
    assert!(error.contains("`course` is empty"), "{error}");
    Ok(())
}

async fn two_new_links_of_one_pair_are_refused(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let mary = session.add(student("Mary"));
    let link = || Enrolment { student: mary.into(), course: BelongsTo::to_key(1), ..Enrolment::default() };
    session.add_all([link(), link()]);
    let error = session.flush().await.unwrap_err();
    assert!(matches!(error, Error::Flush(_)), "{error}");
    session.rollback().await?;

    session.get_one::<Enrolment>((1, 1)).await?;
    session.add(Enrolment {
        student: BelongsTo::to_key(1),
        course: BelongsTo::to_key(1),
        ..Enrolment::default()
    });
    let error = session.flush().await.unwrap_err();
    assert!(error.to_string().contains("another entity of this session has this key"), "{error}");
    Ok(())
}

async fn a_link_is_changed_and_deleted_by_its_key(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session[link].grade = None;
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 1, None)]);
    session.delete(link);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM enrolments WHERE student_id = ? AND course_id = ? x1"]);
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, None);
    assert!(enrolments(&db).await?.is_empty());
    Ok(())
}

async fn a_link_moves_to_another_end(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session.add(Mark { enrolment: link.into(), number: 1, points: 1 });
    session.flush().await?;
    let mark = session.get_one::<Mark>((1, 1, 1)).await?;
    let music = session.get_one::<Course>(2).await?;
    session[link].course = music.into();
    session[mark].points = 2;
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 2, Some(2))]);
    assert_eq!(session.get::<Enrolment>((1, 2)).await?, Some(link));
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, None);
    // Its mark follows: in the database by itself, in memory by what the session knows.
    assert_eq!(session[mark].enrolment.key(), Some(&(1, 2)));
    assert_eq!(session.get::<Mark>((1, 2, 1)).await?, Some(mark));
    assert_eq!(session.get::<Mark>((1, 1, 1)).await?, None);
    session[mark].points = 3;
    session.delete(link);
    session.commit().await?;
    assert!(enrolments(&db).await?.is_empty());
    assert_eq!(session.peek(mark).map(|mark| mark.points), None);
    Ok(())
}

async fn a_link_moves_to_a_new_end(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session[link].course = course("Poetry").into();
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 3, Some(2))]);
    assert_eq!(session.get::<Enrolment>((1, 3)).await?, Some(link));
    session[link].grade = Some(4);
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 3, Some(4))]);
    Ok(())
}

async fn rollback_takes_a_new_link_back(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.add(Enrolment {
        student: student("Mary").into(),
        course: BelongsTo::to_key(2),
        ..Enrolment::default()
    });
    session.flush().await?;
    assert_eq!(session.get::<Enrolment>((3, 2)).await?, Some(link));
    session.rollback().await?;
    assert!(session.peek(link).is_none());
    assert_eq!(session.get::<Enrolment>((3, 2)).await?, None);
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 1, Some(2))]);
    Ok(())
}

async fn rollback_moves_a_link_back(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session[link].student = student("Mary").into();
    session.flush().await?;
    assert_eq!(session.get::<Enrolment>((3, 1)).await?, Some(link));
    session.rollback().await?;
    assert_eq!(session[link].key(), Some((1, 1)));
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, Some(link));
    assert_eq!(session.get::<Enrolment>((3, 1)).await?, None);
    session[link].grade = Some(9);
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 1, Some(9))]);
    Ok(())
}

async fn a_savepoint_moves_a_link_back(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session[link].course = BelongsTo::to_key(2);
    let mut inner = session.begin_nested().await?;
    inner[link].course = course("Poetry").into();
    let second = inner.add(Enrolment {
        student: BelongsTo::to_key(1),
        course: BelongsTo::to_key(2),
        ..Enrolment::default()
    });
    inner.flush().await?;
    assert_eq!(inner.get::<Enrolment>((1, 2)).await?, Some(second));
    assert_eq!(inner.get::<Enrolment>((1, 3)).await?, Some(link));
    inner.rollback().await?;
    assert_eq!(session.get::<Enrolment>((1, 2)).await?, Some(link));
    assert_eq!(session.get::<Enrolment>((1, 3)).await?, None);
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 2, Some(2))]);
    Ok(())
}

async fn recover_links_again_under_new_keys(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let mary = session.add(student("Mary"));
    let link =
        session.add(Enrolment { student: mary.into(), course: BelongsTo::to_key(2), ..Enrolment::default() });
    let moved = session.get_one::<Enrolment>((1, 1)).await?;
    session[moved].student = mary.into();
    let mark = session.add(Mark { enrolment: link.into(), number: 1, points: 1 });
    session.flush().await?;
    assert_eq!(session[link].key(), Some((3, 2)));
    // Two of one key in one flush: refused by the database.
    session.execute(sql("INSERT INTO enrolments (student_id, course_id) VALUES (3, 2)")).await.unwrap_err();
    session.recover().await?;
    assert_eq!(session[link].key(), None);
    db.engine.execute(sql("INSERT INTO students (id, name) VALUES (41, 'Eve')")).await?;
    db.engine.advance_keys(&school()).await?;
    session.commit().await?;
    assert_eq!(session[mary].id, 42);
    assert_eq!(session[link].key(), Some((42, 2)));
    assert_eq!(session[moved].key(), Some((42, 1)));
    assert_eq!(session[mark].key(), Some((42, 2, 1)));
    assert_eq!(enrolments(&db).await?, [(42, 1, Some(2)), (42, 2, None)]);
    assert_eq!(session.get::<Mark>((42, 2, 1)).await?, Some(mark));
    Ok(())
}

async fn k1_a_link_deleted_and_added_again_is_one_row(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let old = session.get_one::<Enrolment>((1, 1)).await?;
    let (ada, logic) = (session.get_one::<Student>(1).await?, session.get_one::<Course>(1).await?);
    session.delete(old);
    let new = session.add(Enrolment { student: ada.into(), course: logic.into(), ..Enrolment::default() });
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE enrolments SET grade = ? WHERE student_id = ? AND course_id = ? x1"]);
    assert_eq!(enrolments(&db).await?, [(1, 1, None)]);
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, Some(new));
    assert!(session.peek(old).is_none());
    Ok(())
}

async fn a_link_goes_along_with_its_end(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    let ada = session.get_one::<Student>(1).await?;
    session.delete(ada);
    session.flush().await?;
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, None);
    session.rollback().await?;
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, Some(link));
    session.delete(ada);
    session.commit().await?;
    assert!(session.peek(link).is_none());
    assert!(enrolments(&db).await?.is_empty());
    Ok(())
}

async fn links_are_loaded_from_both_ends(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session.add(Mark { enrolment: link.into(), number: 2, points: 5 });
    session.commit().await?;
    session.clear();
    let path = Student::ENROLMENTS.then(Enrolment::COURSE);
    let students = session.all(Student::select().order_by(Student::ID).with(path)).await?;
    session.load(&students, Student::ENROLMENTS.then(Enrolment::MARKS)).await?;
    let links: Vec<_> = session[students[0]].enrolments.iter().copied().collect();
    assert_eq!(links.len(), 1);
    assert_eq!(
        session[links[0]].course.handle().map(|course| session[course].title.clone()).as_deref(),
        Some("Logic")
    );
    assert_eq!(session[links[0]].marks.len(), 1);
    assert!(session[students[1]].enrolments.is_empty());
    let found = Student::select().join(Student::ENROLMENTS.then(Enrolment::MARKS)).filter(Mark::POINTS.eq(5));
    assert_eq!(session.all(found).await?, [students[0]]);
    // A new one shows on both ends.
    let music = session.get_one::<Course>(2).await?;
    session.load(&[music], Course::ENROLMENTS).await?;
    let link =
        session.add(Enrolment { student: students[1].into(), course: music.into(), ..Enrolment::default() });
    session.commit().await?;
    assert!(session[students[1]].enrolments.iter().eq([&link]));
    assert!(session[music].enrolments.iter().eq([&link]));
    Ok(())
}

async fn one_row_for_one_other(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let locker = session.add(Locker { student: student("Mary").into(), code: "0000".into() });
    session.commit().await?;
    assert_eq!(session[locker].key(), Some(3));
    assert_eq!(session.get::<Locker>(3).await?, Some(locker));
    session[locker].code = "1234".into();
    session.commit().await?;
    let second = session.add(Locker { student: BelongsTo::to_key(3), code: "9".into() });
    session.flush().await.unwrap_err();
    session.rollback().await?;
    assert!(session.peek(second).is_none());
    let rows: Vec<(i32, String)> =
        db.engine.all(Locker::select().columns((Locker::STUDENT_ID, Locker::CODE))).await?;
    assert_eq!(rows, [(3, "1234".to_owned())]);
    Ok(())
}

async fn a_link_is_detached_and_merged(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.get_one::<Enrolment>((1, 1)).await?;
    session.load(&[link], Enrolment::COURSE).await?;
    let mut value = session.detach(link);
    value.grade = Some(5);
    let merged = session.merge(value).await?;
    assert_eq!(session.changes()?.to_string(), "update Enrolment (1, 1): grade");
    session.commit().await?;
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, Some(merged));
    assert_eq!(enrolments(&db).await?, [(1, 1, Some(5))]);

    // Into another session, whose entity it becomes; and one of a pair that is not stored.
    let mut other = db.engine.session();
    let plain =
        Enrolment { student: BelongsTo::to_key(1), course: BelongsTo::to_key(1), ..Enrolment::default() };
    let same = other.merge(plain.clone()).await?;
    let new = other.merge(Enrolment { course: BelongsTo::to_key(2), ..plain }).await?;
    other.commit().await?;
    assert_eq!(other.get::<Enrolment>((1, 1)).await?, Some(same));
    assert_eq!(other.get::<Enrolment>((1, 2)).await?, Some(new));
    assert_eq!(enrolments(&db).await?, [(1, 1, None), (1, 2, None)]);
    Ok(())
}

async fn g1_merge_of_a_link_with_an_end_not_set_reads_nothing(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let link = session.merge(Enrolment { student: BelongsTo::to_key(1), ..Enrolment::default() }).await?;
    assert!(sent(&db).is_empty());
    assert!(session.flush().await.unwrap_err().to_string().contains("`course` is empty"));
    session.recover().await?;
    session[link].course = BelongsTo::to_key(2);
    session.commit().await?;
    assert_eq!(enrolments(&db).await?, [(1, 1, Some(2)), (1, 2, None)]);
    Ok(())
}

async fn merge_takes_a_link_with_its_ends(db: Database) -> Result<()> {
    term(&db).await?;
    let mut session = db.engine.session();
    let ada = Student { id: 1, name: "Ada Lovelace".into(), ..Student::default() };
    let logic = Course { id: 1, title: "Logic".into(), ..Course::default() };
    let value = Enrolment {
        student: ada.clone().into(),
        course: logic.into(),
        grade: Some(3),
        ..Enrolment::default()
    };
    let link = session.merge(value).await?;
    assert_eq!(session.changes()?.to_string(), "update Student 1: name\nupdate Enrolment (1, 1): grade");
    session.commit().await?;
    assert_eq!(session.get::<Enrolment>((1, 1)).await?, Some(link));

    // One end is stored, the other is new.
    let value = Enrolment { student: ada.into(), course: course("Poetry").into(), ..Enrolment::default() };
    let second = session.merge(value).await?;
    session.commit().await?;
    assert_eq!(session.get::<Enrolment>((1, 3)).await?, Some(second));
    assert_eq!(enrolments(&db).await?, [(1, 1, Some(3)), (1, 3, None)]);
    Ok(())
}
