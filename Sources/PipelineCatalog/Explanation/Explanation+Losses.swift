import Pipeline

extension Explanation {
    /// What can be lost, and when.
    var losses: [String] {
        let lines = guarantees.losses
        return lines.isEmpty ? ["nothing is kept, so nothing that is kept can be lost"] : lines
    }

    /// What stages, resources and sections promise besides.
    var promises: [String] {
        (guarantees.parts + guarantees.sections).flatMap { part in
            part.guarantees.filter { $0.section == .list }.map { "\(part.name): \($0.words)" }
        }
    }
}
