//! Every behaviour once, on every backend, under every executor.

mod autoflush;
mod bad_input;
mod baselines;
mod both_sides;
mod bulk;
mod cascades;
mod cases_backrefs;
mod cases_cascades;
mod cases_circles;
mod cases_loading;
mod cases_merging;
mod cases_natural_keys;
mod cases_pairs;
mod cases_places;
mod cases_relations;
mod cases_savepoints;
mod cases_statements;
mod cases_unit_of_work;
mod cases_versions;
mod collections;
mod column_types;
mod corners;
mod criteria;
mod cursors;
mod deleted;
mod dropped;
mod dropped_links;
mod drops;
mod edge_values;
mod embedded;
mod enums;
mod events;
mod expressions;
mod failures;
mod filled;
mod filters;
mod flush;
mod found;
mod has_one;
mod imported_keys;
mod joined;
mod key_changes;
mod keys;
mod link_entities;
mod link_views;
mod linking;
mod load_all;
mod loaders;
mod made_keys;
mod member_order;
mod merge_again;
mod merging;
mod narrowed;
mod natural_keys;
mod nested;
mod numbers;
mod on_delete;
mod once_wrong;
mod order;
mod ordered;
mod orphans;
mod partial;
mod populate;
mod queries;
mod raw_sql;
mod read_only;
mod recover;
mod refresh;
mod rollback;
mod rows;
mod sandbox;
mod serde_form;
mod session_factory;
mod support;
mod taken_back;
mod transactions;
mod unique_values;
mod versions;

use std::process::ExitCode;

use orm_testkit::Behaviour;

const ALL: &[&[Behaviour]] = &[
    autoflush::BEHAVIOURS,
    baselines::BEHAVIOURS,
    both_sides::BEHAVIOURS,
    bulk::BEHAVIOURS,
    cascades::BEHAVIOURS,
    cases_backrefs::BEHAVIOURS,
    cases_cascades::BEHAVIOURS,
    cases_circles::BEHAVIOURS,
    cases_loading::BEHAVIOURS,
    cases_merging::BEHAVIOURS,
    cases_natural_keys::BEHAVIOURS,
    cases_pairs::BEHAVIOURS,
    cases_places::BEHAVIOURS,
    cases_relations::BEHAVIOURS,
    cases_savepoints::BEHAVIOURS,
    cases_statements::BEHAVIOURS,
    cases_unit_of_work::BEHAVIOURS,
    cases_versions::BEHAVIOURS,
    collections::BEHAVIOURS,
    column_types::BEHAVIOURS,
    corners::BEHAVIOURS,
    criteria::BEHAVIOURS,
    cursors::BEHAVIOURS,
    deleted::BEHAVIOURS,
    dropped::BEHAVIOURS,
    dropped_links::BEHAVIOURS,
    embedded::BEHAVIOURS,
    enums::BEHAVIOURS,
    expressions::BEHAVIOURS,
    failures::BEHAVIOURS,
    filled::BEHAVIOURS,
    filters::BEHAVIOURS,
    flush::BEHAVIOURS,
    found::BEHAVIOURS,
    has_one::BEHAVIOURS,
    imported_keys::BEHAVIOURS,
    joined::BEHAVIOURS,
    key_changes::BEHAVIOURS,
    keys::BEHAVIOURS,
    link_entities::BEHAVIOURS,
    link_views::BEHAVIOURS,
    linking::BEHAVIOURS,
    load_all::BEHAVIOURS,
    loaders::BEHAVIOURS,
    made_keys::BEHAVIOURS,
    member_order::BEHAVIOURS,
    merge_again::BEHAVIOURS,
    merging::BEHAVIOURS,
    narrowed::BEHAVIOURS,
    natural_keys::BEHAVIOURS,
    nested::BEHAVIOURS,
    numbers::BEHAVIOURS,
    on_delete::BEHAVIOURS,
    once_wrong::BEHAVIOURS,
    order::BEHAVIOURS,
    ordered::BEHAVIOURS,
    orphans::BEHAVIOURS,
    partial::BEHAVIOURS,
    populate::BEHAVIOURS,
    queries::BEHAVIOURS,
    raw_sql::BEHAVIOURS,
    read_only::BEHAVIOURS,
    recover::BEHAVIOURS,
    refresh::BEHAVIOURS,
    rollback::BEHAVIOURS,
    rows::BEHAVIOURS,
    sandbox::BEHAVIOURS,
    serde_form::BEHAVIOURS,
    session_factory::BEHAVIOURS,
    taken_back::BEHAVIOURS,
    transactions::BEHAVIOURS,
    unique_values::BEHAVIOURS,
    versions::BEHAVIOURS,
];

/// Subjects of several files.
const GROUPS: &[&[&[Behaviour]]] =
    &[bad_input::BEHAVIOURS, drops::BEHAVIOURS, edge_values::BEHAVIOURS, events::BEHAVIOURS];

fn main() -> ExitCode {
    orm_testkit::main(&[ALL.concat(), GROUPS.concat().concat()].concat())
}
