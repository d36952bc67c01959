//! What a mapped task or a mapped group is expanded over.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::TaskId;

/// Something with a length, known when the DAG is parsed or when a task has returned it. The elements of an object are
/// its `[key, value]` pairs, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MapSource {
    /// An array or an object that the DAG gives.
    Literal(Value),
    /// What a task returned: an array or an object; of a mapped task, what its instances returned, in map order. It
    /// makes that task a direct upstream.
    Output(TaskId),
    /// The elements of several sources side by side, as arrays. It is as long as the longest if there is something to
    /// fill the gaps with, else as the shortest.
    Zip {
        /// What is put side by side.
        sources: Vec<MapSource>,
        /// What stands where a source has no element left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fill: Option<Value>,
    },
    /// The elements of several sources, one source after the other.
    Concat(Vec<MapSource>),
}

impl MapSource {
    /// The tasks whose results it is made of, each once.
    pub fn tasks(&self) -> Vec<&TaskId> {
        let mut tasks = Vec::new();
        self.collect(&mut tasks);
        tasks
    }

    fn collect<'a>(&'a self, tasks: &mut Vec<&'a TaskId>) {
        match self {
            Self::Literal(_) => {}
            Self::Output(task) => {
                if !tasks.contains(&task) {
                    tasks.push(task);
                }
            }
            Self::Zip { sources, fill: _ } | Self::Concat(sources) => {
                for source in sources {
                    source.collect(tasks);
                }
            }
        }
    }
}

/// What a task's mapped instances are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped<'a> {
    /// Each combination of one element of each is one instance; the last one varies fastest.
    pub factors: Vec<&'a MapSource>,
}
