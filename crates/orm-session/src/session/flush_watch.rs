//! What those who listen are told of a flush.

use std::panic::Location;
use std::time::Instant;

use orm_core::Error;
use orm_exec::Telemetry;
use orm_exec::observe::{FlushEnd, Written};

use crate::unit_of_work::{FlushPlan, Origin};

/// A flush that is under way, if anybody listens.
pub(super) struct FlushWatch {
    location: &'static Location<'static>,
    commit: bool,
    written: Written,
    since: Instant,
}

impl FlushWatch {
    pub(super) fn start(
        telemetry: &Telemetry,
        plan: &FlushPlan,
        commit: bool,
        location: &'static Location<'static>,
    ) -> Option<Self> {
        telemetry.has_observers().then(|| Self {
            location,
            commit,
            written: written(plan),
            since: Instant::now(),
        })
    }

    pub(super) fn end(self, telemetry: &Telemetry, error: Option<&Error>) {
        let Self { location, commit, written, since } = self;
        telemetry.tell_flush(&FlushEnd::new(location, commit, written, since.elapsed(), error));
    }
}

/// How many rows a plan writes. References that wait for another row, or are given up for a delete, are part of it.
pub(super) fn written(plan: &FlushPlan) -> Written {
    let mut written = Written::default();
    for origin in &plan.origins {
        let rows = origin.rows() as u64;
        match origin {
            Origin::Insert { .. } => written.inserted += rows,
            Origin::Update { .. } | Origin::Switch { .. } => written.updated += rows,
            Origin::Delete { .. } => written.deleted += rows,
            Origin::Link { .. } | Origin::Unlink { .. } => written.links += rows,
            Origin::ReadBack { .. }
            | Origin::Reference { .. }
            | Origin::NullReferences { .. }
            | Origin::UnlinkAll { .. } => {}
        }
    }
    written
}
