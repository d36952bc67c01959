//! What people read of a DAG and its tasks, and what they may hand to a run.

use super::{MAX_NAME, is_label};
use crate::dag::{DagSpec, TaskSpec};
use crate::params;

const MAX_DESCRIPTION: usize = 5_000;
const MAX_DOC: usize = 64 << 10;
const MAX_TAGS: usize = 100;
const MAX_TAG: usize = 100;

pub(super) fn check(dag: &DagSpec) -> Result<(), String> {
    text("description", dag.description.as_deref(), MAX_DESCRIPTION)?;
    text("doc_md", dag.doc_md.as_deref(), MAX_DOC)?;
    label("display_name", dag.display_name.as_deref())?;
    label("owner", dag.owner.as_deref())?;
    if dag.tags.len() > MAX_TAGS {
        return Err(format!("it has {} tags; at most {MAX_TAGS} are allowed", dag.tags.len()));
    }
    if let Some(tag) = dag.tags.iter().find(|tag| !is_label(tag, MAX_TAG)) {
        return Err(format!("tag {tag:?} is not valid: use 1 to {MAX_TAG} bytes without control characters"));
    }
    params::check(&dag.params, dag.schedule.is_some()).map_err(|error| error.to_string())
}

pub(super) fn check_task(task: &TaskSpec) -> Result<(), String> {
    text("doc_md", task.doc_md.as_deref(), MAX_DOC)?;
    label("display_name", task.display_name.as_deref())?;
    label("owner", task.owner.as_deref())
}

fn text(what: &str, text: Option<&str>, longest: usize) -> Result<(), String> {
    match text {
        Some(text) if text.len() > longest || text.contains('\0') => {
            Err(format!("its {what} has more than {longest} bytes or holds a NUL"))
        }
        Some(_) | None => Ok(()),
    }
}

fn label(what: &str, text: Option<&str>) -> Result<(), String> {
    match text {
        Some(text) if !is_label(text, MAX_NAME) => {
            Err(format!("its {what} is not valid: use 1 to {MAX_NAME} bytes without control characters"))
        }
        Some(_) | None => Ok(()),
    }
}
