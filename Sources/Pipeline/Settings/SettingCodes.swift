extension DiagnosticCode {
    /// A setting that the stage, resource or section doesn't have.
    public static let unknownSetting = DiagnosticCode(rawValue: "unknown_setting")
    /// A modifier written among a stage's settings.
    public static let misplacedModifier = DiagnosticCode(rawValue: "misplaced_modifier")
    /// A setting that must be given and is not.
    public static let missingSetting = DiagnosticCode(rawValue: "missing_setting")
    /// A value of another type than the setting's.
    public static let wrongType = DiagnosticCode(rawValue: "wrong_type")
    /// A value of the right type that the setting doesn't take.
    public static let badValue = DiagnosticCode(rawValue: "bad_value")
    /// A duration or size without its unit.
    public static let missingUnit = DiagnosticCode(rawValue: "missing_unit")
    /// A resource that the file doesn't have.
    public static let unknownResource = DiagnosticCode(rawValue: "unknown_resource")
    /// A stage needs a resource and the file has none of its kind.
    public static let missingResource = DiagnosticCode(rawValue: "missing_resource")
    /// A stage needs one resource and the file has several of its kind.
    public static let ambiguousResource = DiagnosticCode(rawValue: "ambiguous_resource")
    /// A resource of another kind than the stage needs.
    public static let wrongResource = DiagnosticCode(rawValue: "wrong_resource")
}
