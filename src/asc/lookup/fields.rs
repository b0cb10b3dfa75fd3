//! What each request asks for.
//!
//! Every request says which fields it wants. That keeps answers small, and a tester's e-mail address away from where it was not asked for.
//! Names are those of Apple's schema, version 4.4.1; a test holds every request against it.

pub(super) type Query = &'static [(&'static str, &'static str)];

pub(super) const APP: Query = &[("fields[apps]", "name,bundleId,sku")];

pub(super) const VERSION: Query = &[
    ("include", "app,build"),
    (
        "fields[appStoreVersions]",
        "versionString,platform,appVersionState,releaseType,earliestReleaseDate,reviewType,createdDate,app,build",
    ),
    ("fields[apps]", "name,bundleId,sku"),
    ("fields[builds]", "version,processingState,uploadedDate,expirationDate,expired,minOsVersion"),
];

pub(super) const UPLOAD: Query = &[
    ("include", "build"),
    ("fields[buildUploads]", "cfBundleShortVersionString,cfBundleVersion,state,platform,uploadedDate,build"),
    ("fields[builds]", "version"),
];

pub(super) const BUILD: Query = &[
    ("include", "app,preReleaseVersion,buildBetaDetail,betaAppReviewSubmission,betaGroups"),
    (
        "fields[builds]",
        "version,processingState,uploadedDate,expirationDate,expired,minOsVersion,app,preReleaseVersion,buildBetaDetail,\
         betaAppReviewSubmission,betaGroups",
    ),
    ("fields[apps]", "name,bundleId,sku"),
    ("fields[preReleaseVersions]", "version,platform"),
    ("fields[buildBetaDetails]", "internalBuildState,externalBuildState,autoNotifyEnabled"),
    ("fields[betaAppReviewSubmissions]", "betaReviewState,submittedDate"),
    ("fields[betaGroups]", "name,isInternalGroup"),
];

pub(super) const FEEDBACK: &str = "createdDate,comment,deviceModel,osVersion,locale,timeZone,architecture,connectionType,pairedAppleWatch,\
                        appUptimeInMilliseconds,diskBytesAvailable,diskBytesTotal,batteryPercentage,screenWidthInPoints,\
                        screenHeightInPoints,appPlatform,deviceFamily,build";

pub(super) const CRASH_LOG: Query = &[("fields[betaCrashLogs]", "logText")];

pub(super) const ASSET: Query = &[
    ("include", "backgroundAsset,internalBetaRelease,externalBetaRelease,appStoreRelease"),
    (
        "fields[backgroundAssetVersions]",
        "version,platforms,state,stateDetails,createdDate,backgroundAsset,internalBetaRelease,externalBetaRelease,appStoreRelease",
    ),
];

pub(super) const PACKAGE_VERSION: Query = &[
    ("include", "alternativeDistributionPackage"),
    ("fields[alternativeDistributionPackageVersions]", "version,state,alternativeDistributionPackage"),
];

pub(super) const PACKAGE: Query = &[("include", "versions"), ("fields[alternativeDistributionPackageVersions]", "version,state")];
