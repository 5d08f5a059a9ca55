{{- define "pullpath.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "pullpath.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- else if contains (include "pullpath.name" .) .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pullpath.name" .) | trunc 46 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pullpath.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pullpath.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pullpath.labels" -}}
{{- $chart := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $version := dict "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_") -}}
{{- $own := dict "app.kubernetes.io/managed-by" .Release.Service "app.kubernetes.io/component" "agent" -}}
{{- toYaml (merge (include "pullpath.selectorLabels" . | fromYaml) $chart $version $own .Values.commonLabels) -}}
{{- end -}}

{{- define "pullpath.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "pullpath.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pullpath.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* The agent's configuration: what follows from `intent`, and over it what `config` says. */ -}}
{{- define "pullpath.config" -}}
{{- $intent := .Values.intent -}}
{{- $talos := dict "patches" list -}}
{{- if or $intent.talos.files $intent.talos.configMaps -}}
{{- $talos = dict "patches" (list "/intent/talos/*.yaml") -}}
{{- end -}}
{{- $spegel := dict "from" "none" -}}
{{- if or $intent.spegel.files $intent.spegel.configMaps -}}
{{- $spegel = dict "from" "values" "values" (list "/intent/spegel/*.yaml") -}}
{{- end -}}
{{- toYaml (mergeOverwrite (dict "intent" (dict "talos" $talos "spegel" $spegel)) (deepCopy .Values.config)) -}}
{{- end -}}

{{- define "pullpath.port" -}}
{{- dig "http" "port" 9478 .Values.config -}}
{{- end -}}

{{- /* The directories of the node that the agent reads, as `paths: […]`, parents before what is below them. A parent
alone would not do: what is mounted below it on the node keeps its own flags, which Talos before 1.9.3 left writable. */ -}}
{{- define "pullpath.hostPaths" -}}
{{- $paths := list (dig "containerd" "hostsDir" "/etc/cri/conf.d/hosts" .Values.config) -}}
{{- with dig "containerd" "configFile" nil .Values.config -}}
{{- $paths = append $paths (dir .) -}}
{{- end -}}
{{- $clean := list -}}
{{- range concat $paths .Values.extraHostPaths -}}
{{- $clean = append $clean (clean .) -}}
{{- end -}}
{{- toYaml (dict "paths" ($clean | uniq | sortAlpha)) -}}
{{- end -}}

{{- /* Of a length of time such as 30s or 1m. */ -}}
{{- define "pullpath.seconds" -}}
{{- mul (regexFind "^[0-9]+" . | int) (get (dict "s" 1 "m" 60 "h" 3600) (regexFind "[smh]$" .)) -}}
{{- end -}}

{{- /* What a schema cannot say: values that are right by themselves and contradict one another. */ -}}
{{- define "pullpath.check" -}}
{{- $config := .Values.config -}}

{{- $host := dig "http" "host" "" $config -}}
{{- if or (hasPrefix "127." $host) (has $host (list "localhost" "::1")) -}}
{{- fail (printf "config.http.host: at %s neither the kubelet's probes nor Prometheus reach the agent" $host) -}}
{{- end -}}
{{- if and (not .Values.hostNetwork) (eq $host "${NODE_IP}") -}}
{{- fail "config.http.host: without hostNetwork the pod does not have the node's address" -}}
{{- end -}}

{{- if has "/" (include "pullpath.hostPaths" . | fromYaml).paths -}}
{{- fail "config.containerd.hostsDir, config.containerd.configFile, extraHostPaths: one of them would mount the whole file system of the node" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "NODE_NAME" "NODE_IP") -}}
{{- fail (printf "extraEnv: %s is set by the chart" .name) -}}
{{- end -}}
{{- end -}}

{{- $talos := dig "intent" "talos" dict $config -}}
{{- if and (or .Values.intent.talos.files .Values.intent.talos.configMaps) (hasKey $talos "patches") -}}
{{- if not (contains "\"/intent/talos/" (toJson $talos.patches)) -}}
{{- fail "config.intent.talos.patches: what intent.talos gives is in /intent/talos, and would not be read" -}}
{{- end -}}
{{- end -}}
{{- $spegel := dig "intent" "spegel" dict $config -}}
{{- $from := dig "from" "" $spegel -}}
{{- if or .Values.intent.spegel.files .Values.intent.spegel.configMaps -}}
{{- if eq $from "none" -}}
{{- fail "config.intent.spegel.from: none, and intent.spegel gives files; leave one out" -}}
{{- end -}}
{{- if and (hasKey $spegel "values") (not (contains "\"/intent/spegel/" (toJson $spegel.values))) -}}
{{- fail "config.intent.spegel.values: what intent.spegel gives is in /intent/spegel, and would not be read" -}}
{{- end -}}
{{- else if and $from (ne $from "none") (not (hasKey $spegel "values")) -}}
{{- fail (printf "config.intent.spegel.from: %s, and neither intent.spegel.files nor intent.spegel.configMaps is given; nothing else is read yet" $from) -}}
{{- end -}}

{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "podMonitor and serviceMonitor: with both, every agent is scraped twice; enable one" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor: it finds the agents by the Service; set service.enabled, or use podMonitor" -}}
{{- end -}}
{{- range $kind := list "podMonitor" "serviceMonitor" -}}
{{- with get $.Values $kind -}}
{{- if gt (include "pullpath.seconds" .scrapeTimeout | int) (include "pullpath.seconds" .interval | int) -}}
{{- fail (printf "%s.scrapeTimeout: %s is longer than its interval, %s" $kind .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
