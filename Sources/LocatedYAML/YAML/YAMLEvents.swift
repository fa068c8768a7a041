import CYAML

/// libyaml's events, one by one. The only file that knows the C library.
///
/// Positions are counts of Unicode scalars from the beginning of the text; libyaml's own lines and columns are not
/// used, because it takes more characters for line breaks than editors do.
struct YAMLEvents: ~Copyable {
    /// What an event says.
    enum Kind {
        case scalar(String, Scalar.Style)
        case alias
        case sequenceStart
        case mappingStart
        case collectionEnd
        case documentEnd
        case streamEnd
        /// Where streams and documents begin.
        case other
    }

    /// One event and where it is.
    struct Event {
        let kind: Kind
        let positions: Range<Int>
        /// Whether an anchor or a tag stands before the value, inside its positions.
        let hasProperties: Bool
    }

    /// Why libyaml can't go on.
    struct Failure: Error {
        /// What it expected, in its own words.
        let problem: String
        let position: Int
        /// What it was doing, and where that began.
        let context: String
        let contextPosition: Int
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let isReady: Bool

    init(_ text: String) {
        input = .allocate(capacity: text.utf8.count)
        _ = input.initialize(from: text.utf8)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        isReady = yaml_parser_initialize(parser) == 1
        guard isReady else { return }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        if isReady { yaml_parser_delete(parser) }
        parser.deallocate()
        input.deallocate()
    }

    /// The next event. After the stream's end, or a failure, there is none: don't ask again.
    mutating func next() throws(Failure) -> Event {
        guard isReady else {
            throw Failure(problem: "out of memory", position: 0, context: "", contextPosition: 0)
        }
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure }
        defer { yaml_event_delete(&event) }
        return Event(event)
    }

    private var failure: Failure {
        let state = parser.pointee
        let context = state.context.map { String(cString: $0) }
        return Failure(
            problem: state.problem.map { String(cString: $0) } ?? "out of memory",
            position: state.problem_mark.index,
            context: context ?? "",
            contextPosition: context == nil ? state.problem_mark.index : state.context_mark.index)
    }
}

extension YAMLEvents.Event {
    fileprivate init(_ event: yaml_event_t) {
        var hasProperties = false
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            hasProperties = scalar.anchor != nil || scalar.tag != nil
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = .scalar(String(decoding: bytes, as: UTF8.self), Scalar.Style(scalar.style))
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            hasProperties = start.anchor != nil || start.tag != nil
            kind = .sequenceStart
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            hasProperties = start.anchor != nil || start.tag != nil
            kind = .mappingStart
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .collectionEnd
        case YAML_ALIAS_EVENT: kind = .alias
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_STREAM_END_EVENT: kind = .streamEnd
        default: kind = .other
        }
        self.hasProperties = hasProperties
        let start = event.start_mark.index
        positions = start..<max(start, event.end_mark.index)
    }
}

extension Scalar.Style {
    fileprivate init(_ style: yaml_scalar_style_t) {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: self = .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: self = .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: self = .literal
        case YAML_FOLDED_SCALAR_STYLE: self = .folded
        default: self = .plain
        }
    }
}
