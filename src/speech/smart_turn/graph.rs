//! Smart Turn's graph, opened for sounds of any length.
//!
//! The model is made for eight seconds, always, and most of them are the silence in front of a short turn. Its cost grows
//! with every position of that silence, and all of them say the same. The graph is changed so that one position may stand
//! for a run of them: how many positions there are is left open, the table of what makes each place different becomes
//! an input, and so do the logarithms of the weights, which every softmax over positions adds to its scores. A position
//! of weight w then counts as w equal ones do. The weights of the network stay as they are.

use super::protobuf::{Value, bytes, fields, number, put_bytes, put_number, text};

/// Positions that the model knows.
pub(super) const POSITIONS: usize = 400;
/// Values of a position.
pub(super) const WIDTH: usize = 384;
/// The input for the rows of the table, `[positions, WIDTH]`.
pub(super) const PLACES: &str = "inner.encoder.embed_positions.weight";
/// The input for the logarithms of the weights, `[positions]`.
pub(super) const WEIGHTS: &str = "log_weights";
/// The same as a column, `[positions, 1]`.
pub(super) const WEIGHTS_OF_POOL: &str = "log_weights_of_pool";
/// The input for the picture, `[1, bands, 2 * positions]`.
pub(super) const PICTURE: &str = "input_features";

/// How many softmaxes run over positions: one in each of four layers, and the pool's.
const SOFTMAXES: usize = 5;

// Numbers of fields, as onnx.proto has them.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_INPUT: u64 = 11;
const GRAPH_VALUE_INFO: u64 = 13;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_NAME: u64 = 3;
const NODE_OP: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_INT: u64 = 3;
const TENSOR_DIM: u64 = 1;
const TENSOR_TYPE: u64 = 2;
const TENSOR_NAME: u64 = 8;
const TENSOR_RAW: u64 = 9;
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_TYPE_ELEMENT: u64 = 1;
const TENSOR_TYPE_SHAPE: u64 = 2;
const SHAPE_DIM: u64 = 1;
const DIM_VALUE: u64 = 1;
const DIM_NAME: u64 = 2;
const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// The opened model, and the table that was taken out of it: [`POSITIONS`] rows of [`WIDTH`].
pub(super) struct Opened {
    pub(super) model: Vec<u8>,
    pub(super) places: Vec<f32>,
}

/// Opens the model for any number of positions. An error says what of it is not as expected.
pub(super) fn open(model: &[u8]) -> Result<Opened, &'static str> {
    let mut out = Vec::with_capacity(model.len());
    let mut places = None;
    for field in fields(model) {
        let field = field?;
        match (field.number, field.value) {
            (MODEL_GRAPH, Value::Bytes(graph)) => {
                let (graph, table) = opened_graph(graph)?;
                put_bytes(&mut out, MODEL_GRAPH, &graph);
                places = Some(table);
            }
            _ => out.extend_from_slice(field.whole),
        }
    }
    let places = places.ok_or("it has no graph")?;
    Ok(Opened { model: out, places })
}

fn opened_graph(graph: &[u8]) -> Result<(Vec<u8>, Vec<f32>), &'static str> {
    let unquantised = unquantised_inputs(graph)?;
    let mut out = Vec::with_capacity(graph.len());
    let (mut places, mut lengths, mut softmaxes) = (None, 0, 0);
    for field in fields(graph) {
        let field = field?;
        match (field.number, field.value) {
            (GRAPH_VALUE_INFO, _) => {} // Shapes that hold for eight seconds only.
            (GRAPH_INITIALIZER, Value::Bytes(tensor)) => match Initializer::of(tensor)? {
                Initializer::Places(table) => places = Some(table),
                Initializer::Length(name) => {
                    lengths += 1;
                    put_bytes(&mut out, GRAPH_INITIALIZER, &any_length(name));
                }
                Initializer::Other => out.extend_from_slice(field.whole),
            },
            (GRAPH_NODE, Value::Bytes(node)) => match Softmax::of(node)? {
                Some(softmax) => {
                    softmaxes += 1;
                    let scores = unquantised
                        .iter()
                        .find(|(after, _)| *after == softmax.input)
                        .map_or(softmax.input, |(_, before)| *before);
                    put_bytes(&mut out, GRAPH_NODE, &softmax.weights_added(scores));
                    put_bytes(&mut out, GRAPH_NODE, &softmax.of_weighted(node)?);
                }
                None => out.extend_from_slice(field.whole),
            },
            (GRAPH_INPUT, Value::Bytes(_)) => {}
            _ => out.extend_from_slice(field.whole),
        }
    }
    if lengths != 1 || softmaxes != SOFTMAXES {
        return Err("its positions are not where they were in version 3.2");
    }
    let positions = Dim::Open("positions");
    for (name, shape) in [
        (
            PICTURE,
            &[Dim::Fixed(1), Dim::Fixed(80), Dim::Open("frames")][..],
        ),
        (PLACES, &[positions, Dim::Fixed(WIDTH as u64)]),
        (WEIGHTS, &[positions]),
        (WEIGHTS_OF_POOL, &[positions, Dim::Fixed(1)]),
    ] {
        put_bytes(&mut out, GRAPH_INPUT, &input(name, shape));
    }
    Ok((out, places.ok_or("it has no table of positions")?))
}

/// For each value that is quantised and back again: its name after that, and before.
fn unquantised_inputs(graph: &[u8]) -> Result<Vec<(&str, &str)>, &'static str> {
    let (mut quantised, mut back) = (Vec::new(), Vec::new());
    for field in fields(graph) {
        let field = field?;
        let (GRAPH_NODE, Value::Bytes(node)) = (field.number, field.value) else {
            continue;
        };
        let list = match text(node, NODE_OP)? {
            Some("QuantizeLinear") => &mut quantised,
            Some("DequantizeLinear") => &mut back,
            _ => continue,
        };
        if let (Some(input), Some(output)) = (text(node, NODE_INPUT)?, text(node, NODE_OUTPUT)?) {
            list.push((output, input));
        }
    }
    let before = |between: &str| quantised.iter().find(|(output, _)| *output == between);
    Ok(back
        .into_iter()
        .filter_map(|(after, between)| Some((after, before(between)?.1)))
        .collect())
}

enum Initializer<'a> {
    Places(Vec<f32>),
    /// The number of positions, in a shape.
    Length(&'a str),
    Other,
}

impl<'a> Initializer<'a> {
    fn of(tensor: &'a [u8]) -> Result<Self, &'static str> {
        let name = text(tensor, TENSOR_NAME)?.unwrap_or_default();
        let raw = bytes(tensor, TENSOR_RAW)?.unwrap_or_default();
        if name == PLACES {
            let values = raw.as_chunks::<4>().0.iter();
            let table: Vec<f32> = values.map(|four| f32::from_le_bytes(*four)).collect();
            return match table.len() == POSITIONS * WIDTH {
                true => Ok(Initializer::Places(table)),
                false => Err("its table of positions has another size"),
            };
        }
        let is_length = number(tensor, TENSOR_TYPE)? == Some(INT64)
            && raw == (POSITIONS as u64).to_le_bytes().as_slice();
        Ok(match is_length {
            true => Initializer::Length(name),
            false => Initializer::Other,
        })
    }
}

/// In a shape, -1 is whatever is left.
fn any_length(name: &str) -> Vec<u8> {
    let mut tensor = Vec::new();
    put_number(&mut tensor, TENSOR_DIM, 1);
    put_number(&mut tensor, TENSOR_TYPE, INT64);
    put_bytes(&mut tensor, TENSOR_NAME, name.as_bytes());
    put_bytes(&mut tensor, TENSOR_RAW, &(-1_i64).to_le_bytes());
    tensor
}

struct Softmax<'a> {
    input: &'a str,
    /// Positions are the last dimension, and not the last but one.
    along_rows: bool,
}

impl<'a> Softmax<'a> {
    fn of(node: &'a [u8]) -> Result<Option<Self>, &'static str> {
        if text(node, NODE_OP)? != Some("Softmax") {
            return Ok(None);
        }
        let input = text(node, NODE_INPUT)?.ok_or("a softmax has no input")?;
        let mut along_rows = true;
        for field in fields(node) {
            let field = field?;
            if let (NODE_ATTRIBUTE, Value::Bytes(attribute)) = (field.number, field.value)
                && text(attribute, ATTRIBUTE_NAME)? == Some("axis")
            {
                along_rows = number(attribute, ATTRIBUTE_INT)? != Some(1);
            }
        }
        Ok(Some(Softmax { input, along_rows }))
    }

    fn weighted(&self) -> String {
        format!("{}_weighted", self.input)
    }

    fn weights_added(&self, scores: &str) -> Vec<u8> {
        let weights = match self.along_rows {
            true => WEIGHTS,
            false => WEIGHTS_OF_POOL,
        };
        let weighted = self.weighted();
        let mut node = Vec::new();
        put_bytes(&mut node, NODE_INPUT, scores.as_bytes());
        put_bytes(&mut node, NODE_INPUT, weights.as_bytes());
        put_bytes(&mut node, NODE_OUTPUT, weighted.as_bytes());
        put_bytes(&mut node, NODE_NAME, weighted.as_bytes());
        put_bytes(&mut node, NODE_OP, b"Add");
        node
    }

    fn of_weighted(&self, node: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut out = Vec::new();
        put_bytes(&mut out, NODE_INPUT, self.weighted().as_bytes());
        for field in fields(node) {
            let field = field?;
            if field.number != NODE_INPUT {
                out.extend_from_slice(field.whole);
            }
        }
        Ok(out)
    }
}

#[derive(Clone, Copy)]
enum Dim {
    Fixed(u64),
    Open(&'static str),
}

fn input(name: &str, shape: &[Dim]) -> Vec<u8> {
    let mut dims = Vec::new();
    for dim in shape {
        let mut of_dim = Vec::new();
        match dim {
            Dim::Fixed(size) => put_number(&mut of_dim, DIM_VALUE, *size),
            Dim::Open(name) => put_bytes(&mut of_dim, DIM_NAME, name.as_bytes()),
        }
        put_bytes(&mut dims, SHAPE_DIM, &of_dim);
    }
    let (mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new());
    put_number(&mut tensor, TENSOR_TYPE_ELEMENT, FLOAT);
    put_bytes(&mut tensor, TENSOR_TYPE_SHAPE, &dims);
    put_bytes(&mut kind, TYPE_TENSOR, &tensor);
    put_bytes(&mut value, VALUE_NAME, name.as_bytes());
    put_bytes(&mut value, VALUE_TYPE, &kind);
    value
}
