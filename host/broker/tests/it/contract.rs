//! The broker's contract, in process.

use flow_test_support::{Stage, contract};

contract!(Stage::open);
