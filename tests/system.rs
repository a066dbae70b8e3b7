//! The main job through processes.
