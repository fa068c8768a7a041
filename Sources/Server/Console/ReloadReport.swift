import Pipeline

/// What became of a reload.
struct ReloadReport: Sendable {
    let time = Timestamp.now
    /// Why nothing was taken; `nil` where the files are in effect.
    let refusal: String?
    /// What was found in the files, a line each.
    let diagnostics: [String]
    /// What of it takes a restart; `nil` where nothing does.
    let notice: String?

    /// As JSON.
    var text: String {
        var object = JSONMembers()
        object.add("time", .string(time.description))
        object.add("taken", .bool(refusal == nil))
        if let refusal { object.add("reason", .string(refusal)) }
        if let notice { object.add("restart", .string(notice)) }
        object.add("diagnostics", list: diagnostics.map(JSONText.quoted))
        return object.text
    }
}
